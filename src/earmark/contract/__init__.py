"""The contract: the suite that every model passes, and every family that can be trained."""

from earmark.contract.clauses import ContractReport, check_model

__all__ = ["ContractReport", "check_model"]
