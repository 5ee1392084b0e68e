// ---- Movies: clouds of particles side by side on one time slider. ----

/** VIEW is the size of a panel, in user units. */
const VIEW = { size: 420, margin: 18 };

/** cloud draws one panel and returns a function that shows frame k. */
function cloud(root, panel, view) {
  const { d, frames, labels, edges } = panel, n = labels.length;
  const svg = draw("svg", { class: "chart" + (d === 3 ? " space" : ""), viewBox: `0 0 ${VIEW.size} ${VIEW.size}`, role: "img", "aria-label": panel.name });
  const hull = draw("path", { class: "hull" }), trails = draw("g"), dots = draw("g"), starts = draw("g");
  svg.append(trails, hull, starts, dots);
  const series = (i) => `s${1 + (labels[i] % 6)}`;
  const dot = labels.map((l, i) => draw("circle", { r: 5, class: "dot " + series(i) }, draw("title", {}, `token ${i}, in the end in cluster ${l}`)));
  const start = labels.map(() => draw("circle", { r: 2.4, class: "ring s0" }));
  const trail = labels.map((_, i) => draw("path", { class: "trail " + series(i) }));
  dots.append(...dot);
  starts.append(...start);
  trails.append(...trail);
  root.append(make("div", {}, make("h3", {}, panel.name), svg));

  /** flat is token i of a frame on the paper, space as it is turned. */
  const flat = (f, i) => {
    const x = f[i * d], y = f[i * d + 1];
    if (d < 3) return [x, y];
    const right = Math.cos(view.turn) * x - Math.sin(view.turn) * y, back = Math.sin(view.turn) * x + Math.cos(view.turn) * y;
    return [right, Math.cos(view.tilt) * f[i * d + 2] + Math.sin(view.tilt) * back];
  };
  /** reach is the largest coordinate of some frames, so that turning changes no scale. */
  const reach = (list) => list.reduce((most, f) => f.reduce((m, v) => Math.max(m, Math.abs(v || 0)), most), 1e-12) * (d === 3 ? 1.5 : 1.04);
  const whole = panel.fit ? 0 : reach(frames);

  /** own is a frame with each axis at a scale of its own, for tokens that fly apart along some. */
  const own = (f) => {
    const size = Array.from({ length: d }, (_, axis) => f.reduce((m, v, i) => (i % d === axis ? Math.max(m, Math.abs(v || 0)) : m), 1e-300));
    return f.map((v, i) => v / size[i % d]);
  };

  const show = (k) => {
    const now = whole ? frames[k] : own(frames[k]);
    const size = whole || reach([now]), half = VIEW.size / 2, unit = (half - VIEW.margin) / size;
    const at = (f, i) => { const [x, y] = flat(f, i); return [half + x * unit, half - y * unit]; };
    const place = (node, [x, y]) => { node.setAttribute("cx", px(x)); node.setAttribute("cy", px(y)); };
    for (let i = 0; i < n; i++) {
      place(dot[i], at(now, i));
      place(start[i], at(frames[0], i));
      start[i].setAttribute("visibility", whole ? "visible" : "hidden");
      const steps = whole ? frames.slice(0, k + 1) : [];
      trail[i].setAttribute("d", steps.length ? "M" + steps.map((f) => at(f, i).map(px).join(" ")).join("L") : "");
    }
    hull.setAttribute("d", (edges?.[k] || []).map(([a, b]) => "M" + at(now, a).map(px).join(" ") + "L" + at(now, b).map(px).join(" ")).join(""));
  };
  if (d === 3) turnable(svg, view);
  return show;
}

/** turnable lets a pointer turn space; all panels of a movie turn together. */
function turnable(svg, view) {
  let from = null;
  svg.addEventListener("pointerdown", (e) => { from = [e.clientX, e.clientY, view.turn, view.tilt]; svg.setPointerCapture(e.pointerId); });
  svg.addEventListener("pointerup", () => { from = null; });
  svg.addEventListener("pointermove", (e) => {
    if (!from) return;
    view.turn = from[2] + (e.clientX - from[0]) / 120;
    view.tilt = Math.max(-1.5, Math.min(1.5, from[3] + (e.clientY - from[1]) / 120));
    view.redraw();
  });
}

/** moviePanel builds one movie: its clouds, a slider and a button that plays. */
function moviePanel(root, movie) {
  const view = { turn: -0.6, tilt: 0.35, redraw: () => update() };
  const clouds = make("div", { class: "movie" });
  const shows = movie.panels.map((p) => cloud(clouds, p, view));
  const times = movie.panels[0].times;
  const asked = Number(new URLSearchParams(location.hash.slice(1)).get("frame")) || 0, first = Math.max(0, Math.min(asked, times.length - 1));
  let at = first;
  const update = (k = at) => { at = k; shows.forEach((f) => f(k)); };

  root.append(player("time", times.length, (k) => `t = ${show(times[k])}`, first, update), clouds);
  if (movie.panels.some((p) => p.d === 3)) root.append(make("p", { class: "hint" }, "Drag to turn."));
  if (movie.panels.some((p) => p.fit)) root.append(make("p", { class: "hint" }, "The particles fly apart, so that each frame and each axis has a scale of its own."));
  update();
}

document.querySelectorAll(".movie-panel").forEach((root) => moviePanel(root, data.movies[Number(root.dataset.movie)]));
