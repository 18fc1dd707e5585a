"""The look of the report: one style sheet for phones and desks, light and dark, and one script."""

STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf8;--ink:#1d1f23;--soft:#62666e;--line:#dedbd5;
--card:#fff;--accent:#1f7a5c;--bar:#cfe6dc;--high:#c8401b;--low:#1d62c4}
@media (prefers-color-scheme:dark){:root{--paper:#15171a;--ink:#e9e8e4;--soft:#9aa0a8;
--line:#30343a;--card:#1d2024;--accent:#5cc7a0;--bar:#24483c;--high:#ff7a52;--low:#6ea8ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1180px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:1.7rem;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:40px 0 8px}
h3{font-size:1.05rem;margin:0;overflow-wrap:anywhere}
p{margin:4px 0 12px}header p,.note{color:var(--soft);font-size:.9rem}
header p{overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:12px}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:10px 18px;min-width:110px}
.tiles b{display:block;font-size:1.6rem;line-height:1.2;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:.85rem}
.scroll{overflow-x:auto;margin:0 0 16px;border:1px solid var(--line);border-radius:10px;
background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:7px 12px;text-align:right;white-space:nowrap;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft);font-weight:600}
th:first-child{text-align:left;position:sticky;left:0;background:var(--card)}
tbody th{font-weight:500}
.bar{background:linear-gradient(to left,var(--bar) var(--w),transparent var(--w))}
.problems{border-left:4px solid var(--high);padding-left:16px}
.problems li{overflow-wrap:anywhere}
.high{color:var(--high)}.low{color:var(--low)}
article{border-top:1px solid var(--line);padding:20px 0}
.rank{color:var(--accent);font-weight:600;margin-right:6px}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(260px,44vw),1fr));gap:12px}
figure{margin:0;min-width:0}
img{display:block;width:100%;height:auto;border-radius:8px}
figcaption{color:var(--soft);font-size:.82rem;padding:3px 2px;display:flex;
justify-content:space-between}
.pair{position:relative;border-radius:8px;overflow:hidden;--at:50%}
.pair .ours{position:absolute;inset:0;clip-path:inset(0 calc(100% - var(--at)) 0 0)}
.pair i{position:absolute;top:0;bottom:0;left:var(--at);width:3px;margin-left:-1.5px;
background:var(--accent);pointer-events:none}
.pair input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;
cursor:ew-resize;touch-action:pan-y}
.pair:focus-within{outline:2px solid var(--accent);outline-offset:2px}
@media (max-width:620px){.slider{grid-column:span 2}}
details summary{cursor:pointer;font-size:1.2rem;font-weight:600;margin:40px 0 8px}
"""

SCRIPT = """
for (const input of document.querySelectorAll(".pair input")) {
  input.addEventListener("input", () => {
    input.parentElement.style.setProperty("--at", input.value + "%");
  });
}
"""
