// ---- Any measure over depth. ----

/** depthPanel draws one measure of every variant, with its switches. */
function depthPanel(root) {
  const DELTA = "_delta";
  const places = new Map(data.metrics.map((m, i) => [m.name, i]));
  const onDepth = new Set(); // metrics with more than one layer
  for (const [k, l] of lines) {
    if (l.value.filter((v) => v != null).length > 1) onDepth.add(Number(k.split("|")[3]));
  }
  const shown = data.metrics.map((m, i) => i).filter((i) => onDepth.has(i) && !data.metrics[i].name.endsWith(DELTA));
  if (!shown.length) { root.append(make("p", {}, "No measure of this run has more than one layer.")); return; }

  const start = places.get("cosine_mean");
  const state = { metric: shown.includes(start) ? start : shown[0], prompt: ALL, site: 0, mask: 0, difference: false, log: false, band: data.variants.length <= 6, off: new Set(), at: null };
  const prompts = [ALL, ...data.prompts.keys()].filter((p) => [...lines.keys()].some((k) => k.split("|")[1] === String(p)));
  if (!prompts.includes(ALL)) state.prompt = prompts[0];

  const deltaOf = (m) => places.get(data.metrics[m].name + DELTA);
  const lineOf = (v, m, mask = state.mask) => lines.get(key(v, state.prompt, state.site, m, mask));
  /** metric is the one drawn: the difference where that is asked for and exists. */
  const metric = () => (state.difference && deltaOf(state.metric) != null ? deltaOf(state.metric) : state.metric);
  const drawn = () => data.variants.map((_, v) => v).filter((v) => !state.off.has(v) && lineOf(v, metric()));

  const check = (label, field) => {
    const box = make("input", { type: "checkbox", checked: state[field], change: () => { state[field] = box.checked; update(); } });
    const node = make("label", { class: "check" }, box, label);
    node.allow = (yes, why) => { box.disabled = !yes; node.setAttribute("aria-disabled", !yes); node.title = yes ? "" : why; };
    return node;
  };
  const set = (field) => (value) => { state[field] = value; update(); };
  const difference = check("minus base", "difference"), log = check("log scale", "log"), band = check(data.interval, "band");
  const legend = make("div", { class: "legend", role: "group", "aria-label": "Variants shown" });
  const plot = make("div"), note = make("p", { class: "note" });
  root.append(
    make("div", { class: "controls" },
      choice("Measure", shown.map((i) => [i, data.metrics[i].name]), state.metric, set("metric")),
      choice("Prompt", prompts.map((p) => [p, promptName(p)]), state.prompt, set("prompt")),
      data.sites.length > 1 ? choice("Site", data.sites.map((s, i) => [i, s]), 0, set("site")) : null,
      segments("Mask", data.masks.map((m, i) => [i, m]), 0, set("mask")),
      difference, band, log),
    legend, plot, note,
    saveButtons(() => fileName(data.metrics[metric()].name, promptName(state.prompt)), rows, () => plot.firstChild));

  function update() {
    difference.allow(data.variants.some((_, v) => deltaOf(state.metric) != null && lineOf(v, deltaOf(state.metric))),
      "The run has no differences of this measure here; it has them over all prompts.");
    band.allow(drawn().some((v) => lineOf(v, metric()).lo), "No interval is defined for one prompt.");
    legend.replaceChildren(...data.variants.map((name, v) => make("button", {
      type: "button", "aria-pressed": String(!state.off.has(v)),
      click: () => { state.off.has(v) ? state.off.delete(v) : state.off.add(v); update(); legend.children[v].focus(); },
    }, swatch(v), name)));
    plot.replaceChildren(chart());
    const m = data.metrics[metric()], n = Math.max(0, ...drawn().map((v) => lineOf(v, metric()).n));
    note.replaceChildren(make("code", {}, m.name), ": ", sentence(m.formula),
      state.prompt === ALL ? `Mean over ${n} ${n === 1 ? "prompt" : "prompts"}. ` : `${n} tokens. `, sentence(m.note),
      drawn().length ? "" : " This page holds nothing of this here: try the other mask or another site; metrics.csv holds all there is.");
  }

  function rows() {
    const { layers } = axisOf(state.site), out = [["variant", "prompt", "layer", "site", "metric", "mask", "value", "lo", "hi", "n"]];
    for (const v of drawn()) {
      const l = lineOf(v, metric());
      layers.forEach((layer, i) => l.value[i] != null && out.push([data.variants[v], state.prompt === ALL ? "all" : promptName(state.prompt),
        layer, data.sites[state.site], data.metrics[metric()].name, data.masks[state.mask], l.value[i], l.lo?.[i], l.hi?.[i], l.n]));
    }
    return out;
  }

  /** chart draws the lines on their axes and listens for the layer asked about. */
  function chart() {
    const W = roomIn(plot), H = W < 600 ? 300 : 380, left = 64, right = W - 24, top = 14, bottom = H - 46;
    const { layers, position } = axisOf(state.site), series = drawn().map((v) => [v, lineOf(v, metric())]);
    const x = linear(Math.min(...position), Math.max(...position), left + 10, right - 6);
    const values = series.flatMap(([, l]) => [...l.value, ...(state.band && l.lo ? [...l.lo, ...l.hi] : [])]).filter((v) => v != null);
    const positive = values.length > 0 && values.every((v) => v > 0);
    log.allow(positive, "Only positive values have a logarithm.");
    const logged = state.log && positive;
    let lo = Math.min(...values), hi = Math.max(...values);
    if (!values.length) { lo = 0; hi = 1; }
    const [from, to] = logged ? powers(lo, hi).filter((_, i, all) => i === 0 || i === all.length - 1) : domain(lo, hi);
    const marks = logged ? powers(lo, hi) : ticks(from, to, 5);
    const f = logged ? Math.log10 : (v) => v;
    const scale = linear(f(from), f(to), bottom, top), y = (v) => scale(f(v));

    const svg = draw("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", tabindex: 0,
      "aria-label": `${data.metrics[metric()].name} over layers. Use the left and right arrow keys to read the values.` });
    for (const v of marks) {
      svg.append(draw("path", { class: "grid", d: `M${left} ${px(y(v))}H${right}` }),
        draw("text", { class: "tick", x: left - 9, y: px(y(v) + 4), "text-anchor": "end" }, Math.abs(v) >= 1e5 ? v.toExponential(0) : String(v)));
    }
    if (from < 0 && to > 0) svg.append(draw("path", { class: "axis", d: `M${left} ${px(y(0))}H${right}` }));
    svg.append(draw("text", { class: "label", transform: `translate(16 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, data.metrics[metric()].name));
    depthAxis(svg, state.site, x, left, right, bottom);
    for (const [v, l] of series.reverse()) drawLine(svg, v, l, layers, position, x, y);
    const cursor = draw("g", { "data-ui": "" });
    svg.append(cursor);
    listen(svg, cursor, W, x, y, top, bottom);
    return svg;
  }

  function drawLine(svg, v, l, layers, position, x, y) {
    const on = layers.map((_, i) => i).filter((i) => l.value[i] != null && !isRaw(layers[i]));
    const banded = state.band && l.lo ? on.filter((i) => l.lo[i] != null && l.hi[i] != null && (!state.log || l.lo[i] > 0)) : [];
    const point = (i, value) => px(x(position[i])) + " " + px(y(value));
    if (banded.length > 1) {
      svg.append(draw("path", { class: "band " + seriesClass(v),
        d: "M" + banded.map((i) => point(i, l.hi[i])).join("L") + "L" + banded.reverse().map((i) => point(i, l.lo[i])).join("L") + "Z" }));
    }
    const d = on.map((i, k) => (k > 0 && on[k - 1] === i - 1 ? "L" : "M") + point(i, l.value[i])).join("");
    if (d) svg.append(draw("path", { class: "line " + seriesClass(v), d }));
    if (on.length === 1) svg.append(draw("circle", { class: "dot " + seriesClass(v), cx: px(x(position[on[0]])), cy: px(y(l.value[on[0]])), r: 4 }));
    layers.forEach((layer, i) => {
      if (isRaw(layer) && l.value[i] != null) svg.append(draw("circle", { class: "ring " + seriesClass(v), cx: px(x(position[i])), cy: px(y(l.value[i])), r: 3.6 }));
    });
  }

  /** listen shows the values of the layer nearest the pointer, or chosen by arrow keys. */
  function listen(svg, cursor, W, x, y, top, bottom) {
    const { layers, position } = axisOf(state.site);
    const point = (i, clientX, clientY) => {
      state.at = i;
      cursor.replaceChildren(draw("path", { class: "mark", d: `M${px(x(position[i]))} ${top}V${bottom}` }),
        ...drawn().filter((v) => lineOf(v, metric()).value[i] != null).map((v) => draw("circle",
          { class: "dot " + seriesClass(v), cx: px(x(position[i])), cy: px(y(lineOf(v, metric()).value[i])), r: 3.4 })));
      showTip(clientX, clientY, make("b", {}, layerName(state.site, i)), make("table", {}, make("tbody", {}, ...drawn().map((v) => {
        const l = lineOf(v, metric());
        return make("tr", {}, make("td", {}, swatch(v)), make("td", {}, data.variants[v]), make("td", {}, make("b", {}, show(l.value[i]))),
          make("td", {}, l.lo?.[i] != null ? `[${show(l.lo[i])}, ${show(l.hi[i])}]` : ""));
      }))));
    };
    const leave = () => { cursor.replaceChildren(); hideTip(); };
    svg.addEventListener("pointermove", (e) => {
      const box = svg.getBoundingClientRect(), at = ((e.clientX - box.left) / box.width) * W;
      point(position.reduce((best, p, i) => (Math.abs(x(p) - at) < Math.abs(x(position[best]) - at) ? i : best), 0), e.clientX, e.clientY);
    });
    svg.addEventListener("pointerleave", leave);
    svg.addEventListener("blur", leave);
    svg.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (!step) return;
      e.preventDefault();
      const i = state.at == null ? 0 : Math.max(0, Math.min(layers.length - 1, state.at + step));
      const box = svg.getBoundingClientRect();
      point(i, box.left + (x(position[i]) / W) * box.width, box.top + 20);
    });
  }
  update();
  return update;
}

/** depthAxis draws the layers of a site along the bottom. */
function depthAxis(svg, site, x, left, right, bottom) {
  const { layers, position } = axisOf(site);
  const raw = layers.findIndex(isRaw), last = Math.max(...layers.filter((l) => !isRaw(l)).map(Number));
  const step = Math.max(1, niceStep((Math.max(...position) - Math.min(...position)) / ((right - left) / 64)) || 1);
  const beside = raw > 0 && x(position[raw]) - x(position[raw - 1]) < 26; // too near for two labels in a row
  svg.append(draw("path", { class: "axis", d: `M${left} ${bottom}H${right}` }));
  layers.forEach((layer, i) => {
    const n = Number(layer);
    if (i !== raw && n !== last && (n % step !== 0 || 2 * (last - n) < step)) return; // the last layer is always named
    const at = px(x(position[i]));
    svg.append(draw("path", { class: "axis", d: `M${at} ${bottom}v5` }),
      draw("text", { class: "tick", x: at, y: bottom + (i === raw && beside ? 32 : 19), "text-anchor": "middle" }, i === raw ? "raw" : layer));
  });
  const wide = right - left > 600, resid = data.sites[site] === "resid";
  const what = !resid ? "block" : !wide ? "layer" : "layer (hidden_states index; 0 = embeddings" + (raw < 0 ? ")" : "; raw = last block before the final norm)");
  svg.append(draw("text", { class: "label", x: (left + right) / 2, y: bottom + 40, "text-anchor": "middle" }, what));
}

panels.push(["depth-panel", depthPanel]);
