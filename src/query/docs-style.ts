/** Style of `/docs`. */
export const docsStyle = `
:root{--bg:#fbfaf8;--text:#1c1f23;--soft:#5d6570;--line:#e4e1dc;--panel:#fff;--code:#f3f1ed;--accent:#0a6c74;--get:#0a6c74;--put:#8a5a00;--post:#2456a6;--delete:#a3312b}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--text:#e6e4e0;--soft:#98a1ab;--line:#2a2f35;--panel:#1a1e22;--code:#20252a;--accent:#5cc4c9;--get:#5cc4c9;--put:#e0b05c;--post:#86b1f2;--delete:#f09a92}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1.5rem}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;display:grid;grid-template-columns:17rem minmax(0,1fr);background:var(--bg);color:var(--text);font:16px/1.6 system-ui,sans-serif}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.5rem 1rem;border-right:1px solid var(--line);font-size:.84rem}
nav a{display:block;padding:.2rem .5rem;border-radius:.35rem;color:var(--text);text-decoration:none;overflow-wrap:anywhere}
nav a:hover,nav a:focus-visible{background:var(--code)}
nav .brand{font-size:1.15rem;font-weight:650}
nav small{color:var(--soft);font-weight:400}
nav h2{margin:1.4rem .5rem .3rem;color:var(--soft);font-size:.74rem;letter-spacing:.06em;text-transform:uppercase}
nav b{display:inline-block;width:2.9rem;font-size:.66rem}
b.get,b.post,b.put,b.delete{text-transform:uppercase;letter-spacing:.04em}
b.get{color:var(--get)}b.post{color:var(--post)}b.put{color:var(--put)}b.delete{color:var(--delete)}
main{max-width:58rem;padding:2.5rem clamp(1rem,4vw,3.5rem) 6rem}
h1{margin:0;font-size:2rem;letter-spacing:-.02em}
.lead{color:var(--soft);font-size:1.1rem}
main h2{margin:3.5rem 0 1rem;padding-bottom:.4rem;border-bottom:1px solid var(--line);font-size:1.35rem}
article{margin:1.5rem 0;padding:1.2rem 1.4rem;border:1px solid var(--line);border-radius:.7rem;background:var(--panel)}
article:target,tr:has(:target){outline:2px solid var(--accent)}
h3{display:flex;gap:.8rem;align-items:baseline;margin:0;font:600 1.02rem/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
h3 b{font-size:.8rem}
article p{margin:.5rem 0 .8rem}
em{color:var(--soft);font-size:.88em}
code{padding:.1em .35em;border-radius:.3rem;background:var(--code);font:.88em ui-monospace,monospace;overflow-wrap:anywhere}
pre{margin:.8rem 0 0;padding:.9rem 1rem;border-radius:.5rem;background:var(--code);overflow:auto}
pre code{padding:0;background:none;line-height:1.5}
.table{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:.9rem}
th{text-align:left;color:var(--soft);font-weight:500}
th,td{padding:.42rem .8rem .42rem 0;border-bottom:1px solid var(--line);vertical-align:top}
summary{margin-top:.7rem;color:var(--accent);cursor:pointer;font-size:.9rem}
a:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
@media (max-width:52rem){body{display:block}nav{position:static;height:auto;max-height:45vh;border-right:0;border-bottom:1px solid var(--line)}}
`;
