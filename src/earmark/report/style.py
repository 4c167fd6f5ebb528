"""How every report looks: one sheet, light and dark, for screens, phones and paper."""

STYLE = """
:root { --bg:#fff; --ink:#1f2430; --soft:#626b7a; --line:#dfe3ea; --card:#f5f7fa; --accent:#2f6db3;
  --good:#2a8a5c;
  --bad:#c4462f; --warn:#fff3d6; --warn-ink:#6d4c00; --second:#c77d1e; }
@media (prefers-color-scheme: dark) { :root { --bg:#14171c; --ink:#e4e8ee; --soft:#98a2b1; --line:#2e343e;
  --card:#1d2229; --accent:#6aa9ee; --good:#5cc492; --bad:#f0806a; --warn:#3b2f10; --warn-ink:#f2d58a;
  --second:#e8a955; } }
* { box-sizing:border-box; }
html { -webkit-text-size-adjust:100%; scroll-behavior:smooth; }
body { margin:0 auto; max-width:66rem; padding:2rem 1.25rem 3rem; background:var(--bg); color:var(--ink);
  font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif; }
h1 { font-size:1.75rem; line-height:1.2; margin:0; letter-spacing:-.01em; overflow-wrap:anywhere; }
h2 { font-size:1.2rem; margin:0 0 .35rem; }
.sub,.lead { color:var(--soft); margin:.35rem 0 1rem; max-width:48rem; overflow-wrap:anywhere; }
nav { display:flex; flex-wrap:wrap; gap:.35rem .5rem; margin-top:.75rem; }
nav a { color:var(--accent); text-decoration:none; border:1px solid var(--line); border-radius:99px;
  padding:.1rem .7rem; font-size:.875rem; }
nav a:hover,nav a:focus-visible { background:var(--card); }
section { margin-top:1.75rem; padding-top:1.4rem; border-top:1px solid var(--line); }
p { margin:.5rem 0; max-width:48rem; }
.warning,.note { border-radius:8px; padding:.6rem .9rem; max-width:none; }
.warning { background:var(--warn); color:var(--warn-ink); border-left:4px solid var(--second); }
.note { background:var(--card); border-left:4px solid var(--accent); }
.facts { display:grid; grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr)); gap:.75rem; margin:1rem
  0; }
.facts div { background:var(--card); border-radius:10px; padding:.8rem 1rem; display:flex;
  flex-direction:column; }
.facts b { font-size:1.7rem; line-height:1.15; font-weight:650; font-variant-numeric:tabular-nums; }
.facts span { color:var(--ink); font-size:.9rem; }
.facts small { color:var(--soft); font-size:.8rem; font-variant-numeric:tabular-nums; }
.columns { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr)); gap:1.25rem
  2rem;
  align-items:start; }
.columns > div { min-width:0; }
.card { background:var(--card); border-radius:10px; padding:.7rem 1rem; margin:.7rem 0;
  overflow-wrap:anywhere; }
.card b { display:block; font-weight:600; }
.card p { margin:.15rem 0 .35rem; color:var(--soft); }
.card .columns { gap:.5rem 2rem; margin-top:.25rem; }
.wide { overflow-x:auto; margin:.9rem 0; }
table { border-collapse:collapse; font-size:.9rem; }
caption { text-align:left; color:var(--soft); padding-bottom:.4rem; }
th,td { padding:.32rem .8rem .32rem 0; text-align:left; vertical-align:middle; border-bottom:1px solid
  var(--line); }
thead th { color:var(--soft); font-weight:600; vertical-align:bottom; }
tbody th { font-weight:500; overflow-wrap:anywhere; min-width:6rem; }
.n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap; }
figure { margin:1rem 0; }
figure svg,figure img { max-width:100%; height:auto; display:block; }
figure img { background:#fff; border-radius:8px; }
figcaption { color:var(--soft); font-size:.875rem; margin-top:.4rem; max-width:44rem; }
audio { height:2rem; width:14rem; vertical-align:middle; }
details { margin:.75rem 0; }
summary { cursor:pointer; color:var(--accent); }
footer { margin-top:2.5rem; padding-top:1rem; border-top:1px solid var(--line); color:var(--soft);
  font-size:.85rem;
  overflow-wrap:anywhere; }
svg text { fill:var(--ink); font-size:12px; font-family:inherit; }
svg .soft { fill:var(--soft); }
svg .grid { stroke:var(--line); stroke-width:1; }
svg .axis { stroke:var(--soft); stroke-width:1; }
svg .ideal { stroke:var(--soft); stroke-width:1; stroke-dasharray:4 4; }
svg .c0 { --c:var(--accent); } svg .c1 { --c:var(--second); } svg .c2 { --c:var(--good); } svg .c3 {
  --c:var(--bad); }
svg .line { fill:none; stroke:var(--c); stroke-width:2; stroke-linejoin:round; }
svg .fill { fill:var(--c); } svg .band { fill:var(--c); opacity:.16; }
svg .whisker { stroke:var(--ink); stroke-width:1.5; }
.matrix td { text-align:center; padding:0; width:2.5rem; min-width:1.9rem; height:1.9rem; border:1px solid
  var(--bg);
  font-variant-numeric:tabular-nums; font-size:.8rem;
  background:color-mix(in srgb, var(--cell) calc(var(--w)*100%), var(--card)); --cell:var(--bad); }
.matrix td.own { --cell:var(--good); }
.matrix td.none { color:transparent; }
.matrix td.strong { color:var(--bg); font-weight:600; }
.matrix thead th { writing-mode:vertical-rl; transform:rotate(180deg); padding:.4rem .1rem; border:0;
  font-weight:500; white-space:nowrap; text-align:left; }
.matrix tbody th { border:0; padding:0 .6rem 0 0; text-align:right; white-space:nowrap; min-width:0; }
.matrix thead th:first-child,.matrix thead th.n { writing-mode:horizontal-tb; transform:none; }
@media print { body { max-width:none; padding:0; font-size:12px; } nav,audio { display:none; }
  section,.card { break-inside:avoid-page; } }
"""
