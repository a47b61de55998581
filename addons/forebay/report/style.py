"""How the HTML report looks: light and dark, from 320 pixels up, nothing from outside.

Pure.  Widths that matter are those of a card, not of the window (container
queries): a table that finds too little room becomes a list of its rows.
"""

from __future__ import annotations

CSS = """
:root{color-scheme:light dark;--back:#f3f5f8;--card:#fff;--text:#18212d;--soft:#566270;
--edge:#dde2e9;--grid:#e6eaf0;--track:#e9edf2;--accent:#1f6feb;--warn-back:#fff6e0;
--warn-edge:#e2b33c;--warn-text:#5f4300;--s1:#8894a3;--s2:#2a9d78;--s3:#3d8bd4;--s4:#e3a02c;
--s5:#d8434e;--s0:#8f7cc3;--up:#8f7cc3;--down:#1f86c8;--p50:#2a9d78;--p90:#e3a02c;--p99:#d8434e;
--hit:#2a9d78;--bad:#d8434e}
@media (prefers-color-scheme:dark){:root{--back:#0f141a;--card:#181f28;--text:#e7ecf2;
--soft:#a3afbd;--edge:#2b3542;--grid:#28313d;--track:#28313d;--accent:#6aa9ff;
--warn-back:#2c2410;--warn-edge:#8a6a1c;--warn-text:#f4d78d;--s1:#7f8b99;--s2:#3fb68e;--s3:#5aa2e6;
--s4:#e9b04a;--s5:#ef6a73;--s0:#a493d8;--up:#a493d8;--down:#4fa6e3;--p50:#3fb68e;--p90:#e9b04a;
--p99:#ef6a73;--hit:#3fb68e;--bad:#ef6a73}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
main{max-width:1440px;margin:0 auto;padding:clamp(12px,2.5vw,32px);display:grid;
gap:clamp(12px,1.6vw,20px);grid-template-columns:minmax(0,1fr)}
h1{font-size:clamp(1.4rem,1.1rem + 1.4vw,2rem);line-height:1.2;margin:0;letter-spacing:-.02em}
h2{font-size:1.05rem;margin:0;letter-spacing:-.01em}
h3{font-size:1.05rem;margin:0;letter-spacing:-.01em}
p{margin:0}
header p,.note{color:var(--soft);font-size:.875rem;overflow-wrap:anywhere}
header{display:grid;gap:.3rem}
.tiles{display:grid;gap:inherit;grid-template-columns:repeat(auto-fit,minmax(min(100%,132px),1fr));
margin:0}
.tile,.card,.chart{background:var(--card);border:1px solid var(--edge);border-radius:12px;
padding:clamp(12px,1.4vw,18px);min-width:0;margin:0}
.tile{display:grid;align-content:start;gap:.1rem}
.tile dt{color:var(--soft);font-size:.8125rem}
.tile dd{margin:0}
.tile .figure{font-size:clamp(1.25rem,1rem + 1vw,1.7rem);font-weight:650;letter-spacing:-.02em;
line-height:1.25}
.tile .more{color:var(--soft);font-size:.8125rem}
.warnings{background:var(--warn-back);border:1px solid var(--warn-edge);color:var(--warn-text);
border-radius:12px;margin:0;padding:.7rem 1rem .7rem 2rem;font-size:.875rem;overflow-wrap:anywhere}
.two{display:grid;gap:inherit;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));
align-items:start}
.many{columns:460px 2;column-gap:clamp(12px,1.6vw,20px)}
.many .card{break-inside:avoid;margin-bottom:clamp(12px,1.6vw,20px)}
.card{container-type:inline-size;display:grid;gap:.6rem;grid-template-columns:minmax(0,1fr)}
.chart{display:grid;gap:.8rem}
figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.25rem 1rem}
.legend{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.1rem .9rem;
font-size:.8125rem;color:var(--soft)}
.legend li{display:flex;align-items:center;gap:.35rem}
.key{width:10px;height:10px;flex:none}
.plot{display:grid;grid-template-columns:calc(var(--axis) + .8rem) minmax(0,1fr);
grid-template-rows:200px 1.4rem;font-size:.75rem;color:var(--soft);padding-top:.5rem}
.wide .plot{grid-template-rows:240px 1.4rem}
.values,.times{position:relative}
.values span{position:absolute;right:.6rem;transform:translateY(50%);line-height:1;
white-space:nowrap}
.area-box{width:100%;height:100%;display:block;overflow:visible}
.times{grid-column:2}
.times span{position:absolute;top:.35rem;line-height:1;white-space:nowrap}
.times .end{transform:translateX(-100%)}
.grid{stroke:var(--grid);stroke-width:1;fill:none;vector-effect:non-scaling-stroke}
path,rect{fill:var(--c,none)}
.line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round;
vector-effect:non-scaling-stroke}
.area{fill-opacity:.16}
.tip{fill:transparent}
.tip:hover{fill:var(--text);fill-opacity:.08}
.c-1xx{--c:var(--s1)}.c-2xx{--c:var(--s2)}.c-3xx{--c:var(--s3)}.c-4xx{--c:var(--s4)}
.c-5xx{--c:var(--s5)}.c-none{--c:var(--s0)}.c-up{--c:var(--up)}.c-down{--c:var(--down)}
.c-p50{--c:var(--p50)}.c-p90{--c:var(--p90)}.c-p99{--c:var(--p99)}.c-hit{--c:var(--hit)}
.c-bad{--c:var(--bad)}.c-bar{--c:var(--down)}.c-track{--c:var(--track)}
.bar{display:block;width:100%;height:5px;border-radius:3px;margin-top:.25rem}
.band{display:block;width:100%;height:14px;border-radius:7px}
table{border-collapse:collapse;width:100%;font-size:.875rem}
caption{text-align:left}
th,td{padding:.4rem .5rem;text-align:left;vertical-align:top;border-top:1px solid var(--edge)}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:.8125rem;vertical-align:bottom}
th:first-child{padding-left:0}
tr>:last-child{padding-right:0}
tbody th{font-weight:500;overflow-wrap:anywhere;min-width:9rem}
.long tbody th{min-width:16rem;width:34%}
td{overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap;overflow-wrap:normal}
.sub{display:block;color:var(--soft);font-weight:400;font-size:.8125rem}
.sub,.name{overflow-wrap:anywhere;unicode-bidi:isolate}
footer{color:var(--soft);font-size:.8125rem;display:grid;gap:.3rem}
@container (max-width:460px){
.t{display:block}.t thead{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%)}
.t tbody{display:block}
.t tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(5.4rem,1fr));gap:.15rem .8rem;
padding:.55rem 0;border-top:1px solid var(--edge)}
.t th,.t td{display:block;border:0;padding:0;min-width:0;width:auto;text-align:left}
.t tbody th{grid-column:1/-1}
.t td::before{content:attr(data-label);display:block;color:var(--soft);font-size:.75rem;
line-height:1.3}
}
@container (max-width:900px){
.t.long{display:block}.t.long thead{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%)}
.t.long tbody{display:block}
.t.long tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(5.4rem,1fr));
gap:.15rem .8rem;padding:.55rem 0;border-top:1px solid var(--edge)}
.t.long th,.t.long td{display:block;border:0;padding:0;min-width:0;width:auto;text-align:left}
.t.long tbody th{grid-column:1/-1}
.t.long td::before{content:attr(data-label);display:block;color:var(--soft);font-size:.75rem;
line-height:1.3}
}
@media (max-width:560px){.times .odd{display:none}}
@media print{body{background:#fff}.tile,.card,.chart{break-inside:avoid}}
"""
