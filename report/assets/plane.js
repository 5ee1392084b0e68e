// ---- Eigenvalues in the complex plane, base against adapted. ----

/** planeOn draws a square plane into a chart and returns its scales. */
function planeOn(svg, left, top, side, reach, circle) {
  const x = linear(-reach, reach, left, left + side), y = linear(-reach, reach, top + side, top);
  svg.append(draw("rect", { class: "paper", x: px(left), y: top, width: px(side), height: px(side) }),
    draw("path", { class: "grid", d: `M${px(left)} ${px(y(0))}h${px(side)}M${px(x(0))} ${top}v${px(side)}` }),
    draw("path", { class: "grid", fill: "none", d: `M${px(left)} ${top}h${px(side)}v${px(side)}h${px(-side)}z` }));
  for (const v of ticks(-reach, reach, 5)) {
    svg.append(draw("text", { class: "tick", x: px(x(v)), y: top + side + 16, "text-anchor": "middle" }, String(v)),
      draw("text", { class: "tick", x: px(left - 6), y: px(y(v) + 4), "text-anchor": "end" }, String(v)));
  }
  if (known(circle) && circle > 0) svg.append(draw("circle", { class: "circle", cx: px(x(0)), cy: px(y(0)), r: px((circle / reach) * (side / 2)) }));
  return { x, y };
}

/** cloudClass makes the points of a small cloud larger. */
const cloudClass = (n, v) => `points ${n <= 40 ? "big " : n <= 400 ? "mid " : ""}${variantClass(v)}`;

/** cloudPath is many points as one path. */
const cloudPath = (values, x, y) => values.map(([re, im]) => `M${x(re).toFixed(1)} ${y(im).toFixed(1)}h0`).join("");

/** circleOf is the circular law's edge for a matrix, as circle in spectralaws.go. */
function circleOf(q, v, m, l, head, n) {
  const name = data.quantities[q].name;
  if (name === "v_eig") return norms.get(key(v, m))?.[l] / Math.sqrt(n);
  if (name !== "ov_eig" || head === WHOLE || !data.hidden) return null;
  const row = headRows.get(key(quantityAt.get("ov_norm"), v, m, l)), at = row?.heads.indexOf(head);
  return at >= 0 ? row.values[at] / Math.sqrt(data.hidden) : null;
}

/** planePanel draws the eigenvalues of two variants at one layer. */
function planePanel(root) {
  const quantities = data.quantities.map((_, q) => q).filter((q) => isEigen(q) && [...packs.keys()].some((k) => k.startsWith(q + "|")));
  if (!quantities.length) { root.append(make("p", {}, "This page holds no eigenvalues; spectra.csv does.")); return; }
  const first = quantities.find((q) => data.quantities[q].name === "v_eig") ?? quantities.find((q) => data.quantities[q].name === "ov_eig") ?? quantities[0];
  const ALL_HEADS = -2;
  const state = { q: first, m: 0, l: 0, head: ALL_HEADS, sides: [0, 0], over: false, fixed: true, asked: false };
  const controls = make("div", { class: "controls" }), pictures = make("div"), note = make("p", { class: "note" });
  const layerSlider = blockSlider(0, (l) => { state.l = l; update(); });
  root.append(controls, make("div", { class: "controls" }, layerSlider), pictures, note,
    saveButtons(() => fileName(data.quantities[state.q].name, layerText(state.l)), rows, () => pictures.firstChild));

  const has = (v, m = state.m) => data.layers.some((_, l) => packs.has(key(state.q, v, m, l)));
  const variants = () => data.variants.map((_, v) => v).filter((v) => has(v));
  const spectra = (v, l = state.l) => spectraOf(state.q, v, state.m, l);
  const headed = () => data.layers.flatMap((_, l) => variants().flatMap((v) => (packs.get(key(state.q, v, state.m, l)) || []).flatMap((p) => p.heads)));
  const points = (v, l = state.l) => [...spectra(v, l)].filter(([h]) => state.head === ALL_HEADS || h === state.head).flatMap(([, s]) => s.values);

  /** setup is what a change of quantity or module asks for. */
  function setup() {
    const modules = data.modules.map((_, m) => m).filter((m) => data.variants.some((_, v) => has(v, m)));
    if (!modules.includes(state.m)) state.m = modules[0];
    const list = variants(), heads = [...new Set(headed())].filter((h) => h !== WHOLE).sort((a, b) => a - b);
    if (!list.includes(state.sides[0])) state.sides[0] = list[0];
    if (!list.includes(state.sides[1]) || state.sides[0] === state.sides[1]) state.sides[1] = list.find((v) => v !== state.sides[0] && data.finals.includes(v)) ?? list.find((v) => v !== state.sides[0]) ?? list[0];
    if (!heads.includes(state.head)) state.head = ALL_HEADS;
    if (!state.asked) {
      const each = data.layers.map((_, l) => reachAt([l])).filter((r) => r > 1e-290);
      state.fixed = Math.max(...each) < 3 * Math.min(...each);
    }
    const set = (f) => (value) => { f(value); setup(); update(); };
    controls.replaceChildren(...[
      quantities.length > 1 ? choice("Quantity", quantities.map((q) => [q, data.quantities[q].name]), state.q, set((q) => { state.q = q; })) : null,
      modules.length > 1 ? choice("Module", modules.map((m) => [m, data.modules[m]]), state.m, set((m) => { state.m = m; })) : null,
      heads.length ? choice("Head", [[ALL_HEADS, "all heads"], ...heads.map((h) => [h, "head " + h])], state.head, set((h) => { state.head = h; })) : null,
      ...(list.length > 1 ? ["Left", "Right"].map((name, i) => choice(name, list.map((v) => [v, data.variants[v]]), state.sides[i], set((v) => { state.sides[i] = v; }))) : []),
      list.length > 1 ? segments("Planes", [[false, "side by side"], [true, "overlaid"]], state.over, (v) => { state.over = v; update(); }) : null,
      segments("Scale", [[true, "of all layers"], [false, "of this one"]], state.fixed, (v) => { state.fixed = v; state.asked = true; update(); }),
    ].filter(Boolean));
  }

  const shown = () => [...new Set(state.sides)];
  /** reachAt is the largest coordinate in some layers. */
  function reachAt(at) {
    let most = 1e-300;
    for (const l of at) for (const v of shown()) {
      for (const [re, im] of points(v, l)) most = Math.max(most, Math.abs(re), Math.abs(im));
      most = Math.max(most, circle(v, l) || 0);
    }
    return most * 1.06;
  }
  function circle(v, l = state.l) {
    const n = [...spectra(v, l)].find(([h]) => state.head === ALL_HEADS || h === state.head)?.[1].n;
    return n ? circleOf(state.q, v, state.m, l, state.head === ALL_HEADS ? WHOLE : state.head, n) : null;
  }

  function update() {
    pictures.replaceChildren(chart());
    const total = shown().map((v) => [...spectra(v)].filter(([h]) => state.head === ALL_HEADS || h === state.head).reduce((n, [, s]) => n + s.n, 0));
    const drawn = shown().map((v) => points(v).length);
    note.replaceChildren(...noteOf(state.q), ...shown().map((v, i) => facts(v, total[i], drawn[i])),
      known(circle(state.sides[0])) ? "Dashed: the circular law's edge for a matrix of the same norm with independent entries." : "");
  }

  /** facts says what spectra.csv has of the leading eigenvalue. */
  function facts(v, total, drawn) {
    const stem = data.quantities[state.q].name.replace(/_eig$/, ""), value = (name) => {
      const q = quantityAt.get(stem + name);
      if (q == null) return null;
      if (state.head >= 0) { const row = headRows.get(key(q, v, state.m, state.l)); return row?.values[row.heads.indexOf(state.head)]; }
      return grids.get(key(q, v, state.m))?.[state.l];
    };
    const parts = [`${data.variants[v]}: ${total} eigenvalues${drawn < total ? `, ${drawn} of them drawn` : ""}`];
    for (const [name, text] of [["_radius", "spectral radius"], ["_gap", "gap of the largest real part"], ["_complex", "share not real"]]) {
      if (known(value(name))) parts.push(`${text} ${show(value(name))}`);
    }
    return parts.join(", ") + ". ";
  }

  function chart() {
    const W = roomIn(pictures), list = shown(), panels = state.over ? [list] : list.map((v) => [v]), gap = 46, left = 52, top = 26;
    const side = Math.min(W < 560 ? W - left - 12 : 430, (W - left - 12 - gap * (panels.length - 1)) / panels.length), stacked = W < 560 && panels.length > 1;
    const size = stacked ? W - left - 12 : side, reach = reachAt(state.fixed ? data.layers.map((_, l) => l) : [state.l]), H = (stacked ? panels.length : 1) * (size + top + 28);
    const svg = draw("svg", { class: "chart", viewBox: `0 0 ${W} ${px(H)}`, role: "img", tabindex: 0, "aria-label": `Eigenvalues ${data.quantities[state.q].name} of ${list.map((v) => data.variants[v]).join(" and ")}, ${layerText(state.l)}. Use the arrow keys to read them.` });
    const targets = [];
    panels.forEach((panel, i) => {
      const x0 = stacked ? left : left + i * (size + gap), y0 = top + (stacked ? i * (size + top + 28) : 0);
      const { x, y } = planeOn(svg, x0, y0, size, reach, circle(panel[0]));
      svg.append(draw("text", { class: "label", x: px(x0), y: y0 - 9 }, clip(`${panel.map((v) => data.variants[v]).join(" and ")}, ${layerText(state.l)}`, Math.floor(size / 6.4))));
      for (const v of panel) {
        const values = points(v);
        svg.append(draw("path", { class: cloudClass(values.length, v), d: cloudPath(values, x, y) }));
        values.forEach(([re, im]) => targets.push({ x: x(re), y: y(im), says: () => [make("b", {}, data.variants[v]), make("br"), `${show(re)} ${im < 0 ? "-" : "+"} ${show(Math.abs(im))} i`, make("br"), `modulus ${show(Math.hypot(re, im))}, ${layerText(state.l)}`] }));
      }
    });
    pick(svg, targets);
    return svg;
  }

  function rows() {
    const out = [["variant", "layer", "module", "head", "quantity", "re", "im"]];
    for (const v of shown()) for (const [h, s] of spectra(v)) {
      if (state.head === ALL_HEADS || h === state.head) s.values.forEach(([re, im]) => out.push([data.variants[v], data.layers[state.l], data.modules[state.m], h === WHOLE ? "" : h, data.quantities[state.q].name, Number(re.toPrecision(5)), Number(im.toPrecision(5))]));
    }
    return out;
  }
  setup();
  update();
  return update;
}

panels.push(["plane-panel", planePanel]);
