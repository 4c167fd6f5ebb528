"""OpenSubsonic: what players of that protocol need to find songs that sound alike.

See https://opensubsonic.netlify.app, above all its extension ``sonicSimilarity``. `parameters` reads a
request and checks who sends it, `methods` has what can be asked for, `answer` writes it as XML or JSON.
"""
