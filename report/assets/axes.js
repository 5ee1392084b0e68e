// ---- A chart of series over two axes, linear or logarithmic. ----

/** span fits an axis to values, and gives its scale and ticks. */
function span(values, log, p0, p1, n, asked, whole) {
  const shown = values.filter((v) => known(v) && (!log || v > 0));
  let lo = shown.reduce((a, b) => Math.min(a, b), Infinity), hi = shown.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!shown.length) [lo, hi] = log ? [0.1, 1] : [0, 1];
  let from, to, marks;
  if (asked) [from, to] = asked;
  else if (log) {
    const air = Math.max((hi / lo) ** 0.04, 1.05);
    [from, to] = [Math.max(lo / air, Number.MIN_VALUE), Math.min(hi * air, Number.MAX_VALUE)];
  } else [from, to] = domain(lo, hi);
  if (log) {
    const steps = to / from > 1000 ? [1] : [1, 2, 5];
    marks = [];
    for (let k = Math.floor(Math.log10(from)); k <= Math.ceil(Math.log10(to)); k++) {
      for (const s of steps) { const v = Number(`${s}e${k}`); if (v >= from && v <= to) marks.push(v); }
    }
    while (marks.length > 9) marks = marks.filter((_, i) => i % 2 === 0);
  } else marks = ticks(from, to, n).filter((v) => !whole || Number.isInteger(v));
  const f = log ? Math.log10 : (v) => v, scale = linear(f(from), f(to), p0, p1);
  return { at: (v) => scale(f(v)), marks, has: (v) => known(v) && (!log || v > 0), from, to };
}

/**
 * xyChart draws series: {name, class, x, y, line, dots, lo, hi, band, says(i)}. A
 * pointer or the arrow keys single out a point. mark is an upright at an x; whole leaves the ticks of x
 * to whole numbers.
 */
function xyChart({ W, H = 320, label, xLabel, yLabel, logX = false, logY = false, series, mark = null, xRange = null, yRange = null, whole = false }) {
  const left = 64, right = W - 20, top = 12, bottom = H - 46;
  const x = span(series.flatMap((s) => s.x), logX, left + 6, right - 6, W < 500 ? 4 : 8, xRange, whole);
  const y = span(series.flatMap((s) => [...s.y, ...(s.lo || []), ...(s.hi || [])]), logY, bottom, top, 5, yRange);
  const svg = draw("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", tabindex: 0, "aria-label": label + ". Use the arrow keys to read the points." });
  const tick = (v) => (v !== 0 && (Math.abs(v) >= 1e5 || Math.abs(v) < 1e-4) ? v.toExponential(0) : String(v));
  for (const v of y.marks) {
    svg.append(draw("path", { class: "grid", d: `M${left} ${px(y.at(v))}H${right}` }),
      draw("text", { class: "tick", x: left - 8, y: px(y.at(v) + 4), "text-anchor": "end" }, tick(v)));
  }
  for (const v of x.marks) {
    svg.append(draw("path", { class: "axis", d: `M${px(x.at(v))} ${bottom}v5` }),
      draw("text", { class: "tick", x: px(x.at(v)), y: bottom + 18, "text-anchor": "middle" }, tick(v)));
  }
  svg.append(draw("path", { class: "axis", d: `M${left} ${bottom}H${right}` }),
    draw("text", { class: "label", x: (left + right) / 2, y: H - 8, "text-anchor": "middle" }, xLabel),
    draw("text", { class: "label", transform: `translate(14 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, yLabel));
  if (!logY && y.from < 0 && y.to > 0) svg.append(draw("path", { class: "axis", d: `M${left} ${px(y.at(0))}H${right}` }));
  if (mark != null) svg.append(draw("path", { class: "mark", d: `M${px(x.at(mark))} ${top}V${bottom}` }));
  const points = series.flatMap((s) => drawXY(svg, s, x, y));
  pick(svg, points);
  return svg;
}

/** drawXY draws one series and returns its points as {x, y, says}. */
function drawXY(svg, s, x, y) {
  const ok = s.x.map((v, i) => x.has(v) && y.has(s.y[i]));
  if (s.lo && s.hi) {
    const on = s.x.map((_, i) => i).filter((i) => x.has(s.x[i]) && y.has(s.lo[i]) && y.has(s.hi[i])), point = (i, v) => px(x.at(s.x[i])) + " " + px(y.at(v));
    if (on.length > 1) {
      svg.append(draw("path", { class: "band " + s.class, d: "M" + on.map((i) => point(i, s.hi[i])).join("L") + "L" + on.reverse().map((i) => point(i, s.lo[i])).join("L") + "Z" }));
    }
  }
  if (s.line !== false) {
    const d = s.x.map((v, i) => (ok[i] ? (i > 0 && ok[i - 1] ? "L" : "M") + px(x.at(v)) + " " + px(y.at(s.y[i])) : "")).join("");
    if (d) svg.append(draw("path", { class: "line " + s.class, d }));
  }
  if (s.dots !== false && s.x.length <= 400) {
    svg.append(draw("path", { class: "points big " + s.class, d: s.x.map((v, i) => (ok[i] ? `M${px(x.at(v))} ${px(y.at(s.y[i]))}h0` : "")).join("") }));
  }
  return s.x.map((v, i) => ({ x: x.at(v), y: y.at(s.y[i]), ok: ok[i], says: () => s.says(i) })).filter((p) => p.ok);
}

/** pick tells about the point nearest the pointer, or of the arrow keys. */
function pick(svg, points) {
  const ring = draw("circle", { class: "mark", r: 6, "data-ui": "", visibility: "hidden" });
  svg.append(ring);
  let at = -1;
  const tell = (i) => {
    at = i;
    const p = points[i];
    ring.setAttribute("cx", px(p.x));
    ring.setAttribute("cy", px(p.y));
    ring.setAttribute("visibility", "visible");
    showTip(...inWindow(svg, p.x, p.y), ...p.says());
  };
  const leave = () => ring.setAttribute("visibility", "hidden");
  svg.addEventListener("pointermove", (e) => {
    const [x, y] = inChart(svg, e);
    let best = -1, least = Infinity;
    points.forEach((p, i) => { const d = (p.x - x) ** 2 + (p.y - y) ** 2; if (d < least) [best, least] = [i, d]; });
    if (best >= 0) tell(best);
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  arrows(svg, (right, down) => { if (points.length) tell(at < 0 ? 0 : Math.max(0, Math.min(points.length - 1, at + right + down))); });
}

/** legendOf names series by their classes; those that are boxes are bands. */
function legendOf(list) {
  return make("p", { class: "legend" }, ...list.map(([cls, text]) => make("span", {},
    draw("svg", { class: "chart", viewBox: "0 0 26 10", "aria-hidden": "true" }, draw("path", { class: cls, d: cls.startsWith("points") ? "M13 5h0" : cls.startsWith("band") ? "M1 0h24v10h-24z" : "M1 5H25" })), text)));
}

const legendLine = (v) => ["line " + variantClass(v), data.variants[v]];
