// ---- Histograms of cosines over depth. ----

const HALF = data.bins / 2;
const edge = (k) => (k - HALF) / HALF; // lower edge of cosine bin k

/** sharesOf returns the histograms of a variant as shares of all pairs: (layers, bins), null where there is none. */
function sharesOf(variant, prompt, site, mask) {
  const layers = hists.get(key(variant, prompt, site, mask));
  if (!layers) return null;
  return layers.map((h) => {
    if (!h) return null;
    const out = new Array(data.bins).fill(0), total = h.slice(1).reduce((a, b) => a + b, 0);
    h.slice(1).forEach((n, k) => { out[h[0] + k] = n / total; });
    return out;
  });
}

/** shade is the class of a share or of a change of one, as shade in heat.go has it. */
function shade(v, signed) {
  if (!signed) return v <= 0 ? "" : "q" + Math.ceil(9 * Math.sqrt(Math.min(v / 0.2, 1)));
  const k = Math.round(5 * Math.sqrt(Math.min(Math.abs(v) / 0.05, 1)));
  return k === 0 ? "" : (v < 0 ? "n" : "p") + k;
}

/** heatPanel draws base, adapter and their difference over depth, and one layer as curves. */
function heatPanel(root) {
  const prompts = [ALL, ...data.prompts.keys()].filter((p) => [...hists.keys()].some((k) => k.startsWith(`0|${p}|`)));
  if (!prompts.length) { root.append(make("p", {}, "This page holds no histograms; histograms.csv does.")); return; }
  const state = { prompt: prompts[0], site: 0, mask: 0, variant: Math.min(1, data.variants.length - 1), layer: 0 };
  state.layer = axisOf(0).layers.filter((l) => !isRaw(l)).length - 1;
  const set = (field) => (value) => { state[field] = value; update(); };
  const strip = make("div"), curves = make("div");
  const legend = make("p", { class: "legend" }, ...data.variants.map((name, v) => make("span", {}, swatch(v), name)));
  const layerSlider = siteSlider(state.site, state.layer, set("layer"));
  root.append(make("div", { class: "controls" },
    data.variants.length > 2 ? choice("Adapter", data.variants.map((name, i) => [i, name]).slice(1), state.variant, set("variant")) : null,
    prompts.length > 1 ? choice("Prompt", prompts.map((p) => [p, promptName(p)]), state.prompt, set("prompt")) : null,
    segments("Mask", data.masks.map((m, i) => [i, m]), 0, set("mask"))),
  strip, saveButtons(() => fileName("histograms", promptName(state.prompt)), stripRows, () => strip.firstChild),
  make("div", { class: "controls" }, layerSlider),
  legend, curves, saveButtons(() => fileName("histogram", axisOf(state.site).layers[state.layer], promptName(state.prompt)), curveRows, () => curves.firstChild));

  const shares = (v) => sharesOf(v, state.prompt, state.site, state.mask);

  function panels() {
    const base = shares(0), out = [{ name: data.variants[0], shares: base, signed: false }];
    const adapted = state.variant > 0 && shares(state.variant);
    if (base && adapted) {
      out.push({ name: data.variants[state.variant], shares: adapted, signed: false }, {
        name: "minus base", signed: true,
        shares: adapted.map((row, i) => row && base[i] && row.map((v, k) => v - base[i][k])),
      });
    }
    return out.filter((p) => p.shares);
  }

  function update() {
    strip.replaceChildren(drawStrip());
    curves.replaceChildren(drawCurves());
  }

  /** range is the bins that any panel fills, with one to spare. */
  function range(list) {
    let lo = data.bins, hi = 0;
    for (const p of list) for (const row of p.shares) row?.forEach((v, k) => { if (shade(v, p.signed)) { lo = Math.min(lo, k); hi = Math.max(hi, k + 1); } });
    return lo < hi ? [Math.max(0, lo - 1), Math.min(data.bins, hi + 1)] : [0, data.bins];
  }

  function drawStrip() {
    const W = roomIn(strip), top = 30, H = W < 600 ? 220 : 300, left = 64, gap = 18, list = panels(), [lo, hi] = range(list);
    const svg = draw("svg", { class: "chart", viewBox: `0 0 ${W} ${top + H + (W < 900 ? 104 : 80)}`, role: "img", "aria-label": "Histogram of cosines at each layer" });
    const y = linear(edge(lo), edge(hi), top + H, top), width = (W - left - 16 - gap * (list.length - 1)) / list.length;
    for (const v of ticks(edge(lo), edge(hi), 6)) {
      svg.append(draw("text", { class: "tick", x: left - 9, y: px(y(v) + 4), "text-anchor": "end" }, String(v)));
    }
    svg.append(draw("text", { class: "label", transform: `translate(16 ${top + H / 2}) rotate(-90)`, "text-anchor": "middle" }, "cosine between tokens"));
    list.forEach((panel, i) => drawPicture(svg, panel, left + i * (width + gap), width, y, lo, hi, top + H));
    svg.append(draw("text", { class: "label", x: left + (W - left) / 2, y: top + H + 38, "text-anchor": "middle" }, data.sites[state.site] !== "resid" ? `block, ${data.sites[state.site]} output` : axisOf(state.site).layers.some(isRaw) ? "layer (the last column: before the final norm)" : "layer"));
    drawKey(svg, W, left, top + H + 56, list.some((p) => p.signed));
    return svg;
  }

  function drawPicture(svg, panel, left, width, y, lo, hi, bottom) {
    const { layers } = axisOf(state.site), column = width / layers.length, cells = {};
    panel.shares.forEach((row, i) => {
      for (let k = lo; row && k < hi; ) {
        const c = shade(row[k], panel.signed);
        let end = k + 1;
        while (end < hi && shade(row[end], panel.signed) === c) end++;
        if (c) cells[c] = (cells[c] || "") + `M${px(left + i * column)} ${px(y(edge(end)))}h${px(column)}V${px(y(edge(k)))}h${px(-column)}z`;
        k = end;
      }
    });
    const group = draw("g", {}, draw("rect", { class: "paper", x: left, y: y(edge(hi)), width, height: bottom - y(edge(hi)) }),
      ...Object.entries(cells).map(([c, d]) => draw("path", { class: c, d })));
    group.style.cursor = "pointer";
    const layerAt = (e) => {
      const box = svg.getBoundingClientRect(), at = ((e.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      return Math.max(0, Math.min(layers.length - 1, Math.floor((at - left) / column)));
    };
    group.addEventListener("click", (e) => { state.layer = layerAt(e); layerSlider.set(state.layer); update(); });
    group.addEventListener("pointermove", (e) => showTip(e.clientX, e.clientY, make("b", {}, panel.name), make("br"), layerName(state.site, layerAt(e))));
    group.addEventListener("pointerleave", hideTip);
    svg.append(group,
      draw("text", { class: "label", x: left, y: 18 }, clip(panel.name, Math.floor(width / 7))),
      draw("path", { class: "axis", d: `M${px(left)} ${bottom}h${px(width)}` }),
      draw("rect", { class: "mark", "data-ui": "", x: px(left + state.layer * column), y: y(edge(hi)), width: px(column), height: bottom - y(edge(hi)) }));
    const step = Math.max(1, niceStep((26 * layers.length) / width));
    layers.forEach((layer, i) => {
      if (isRaw(layer) || Number(layer) % step) return;
      svg.append(draw("text", { class: "tick", x: px(left + (i + 0.5) * column), y: bottom + 17, "text-anchor": "middle" }, layer));
    });
  }

  function drawKey(svg, W, left, y, signed) {
    let x = W < 600 ? 16 : left;
    const narrow = W < 600;
    const text = (s) => svg.append(draw("text", { class: "tick", x: px(x), y: y + 11 }, s));
    const cell = (c, w) => { svg.append(draw("path", { class: c, d: `M${px(x)} ${y}h${w}v12h${-w}z` })); x += w; };
    text("share of pairs in a bin: 0"); x += 138;
    for (let k = 1; k <= 9; k++) cell("q" + k, narrow ? 10 : 20);
    x += 7; text("20 % or more"); x += 130;
    if (!signed) return;
    if (W < 900) { x = narrow ? 16 : left; y += 24; }
    text("change: -5 %"); x += 78;
    for (let k = 5; k >= 1; k--) cell("n" + k, 14);
    x += 14;
    for (let k = 1; k <= 5; k++) cell("p" + k, 14);
    x += 7; text("+5 %");
  }

  /** drawCurves draws the histogram of the chosen layer for every variant. */
  function drawCurves() {
    const W = roomIn(curves), H = 280, left = 64, right = W - 24, top = 34, bottom = H - 44;
    const list = data.variants.map((_, v) => [v, shares(v)?.[state.layer]]).filter(([, row]) => row);
    const [lo, hi] = range(list.map(([, row]) => ({ shares: [row], signed: false })));
    const most = 1.05 * Math.max(0.001, ...list.flatMap(([, row]) => row)), marks = ticks(0, most, 4);
    const x = linear(edge(lo), edge(hi), left, right), y = linear(0, most, bottom, top);
    const svg = draw("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "Histogram of cosines at the chosen layer" },
      draw("text", { class: "title", x: left - 44, y: 18 }, layerName(state.site, state.layer)));
    for (const v of marks) {
      svg.append(draw("path", { class: "grid", d: `M${left} ${px(y(v))}H${right}` }),
        draw("text", { class: "tick", x: left - 9, y: px(y(v) + 4), "text-anchor": "end" }, Number((100 * v).toPrecision(6)) + " %"));
    }
    for (const v of ticks(edge(lo), edge(hi), W < 600 ? 5 : 10)) {
      svg.append(draw("text", { class: "tick", x: px(x(v)), y: bottom + 18, "text-anchor": "middle" }, String(v)));
    }
    svg.append(draw("path", { class: "axis", d: `M${left} ${bottom}H${right}` }),
      draw("text", { class: "label", x: (left + right) / 2, y: bottom + 38, "text-anchor": "middle" }, "cosine between tokens"));
    for (const [v, row] of list.reverse()) {
      let d = `M${px(x(edge(lo)))} ${px(y(0))}`;
      for (let k = lo; k < hi; k++) d += `V${px(y(row[k]))}H${px(x(edge(k + 1)))}`;
      const path = draw("path", { class: "line " + seriesClass(v), d: d + `V${px(y(0))}` }, draw("title", {}, data.variants[v]));
      svg.append(path);
    }
    return svg;
  }

  const header = ["variant", "prompt", "layer", "site", "mask", "lo", "hi", "share"];
  const prompt = () => (state.prompt === ALL ? "all" : promptName(state.prompt));
  function rowsOf(v, layer, row) {
    return (row || []).map((share, k) => [data.variants[v], prompt(), axisOf(state.site).layers[layer], data.sites[state.site], data.masks[state.mask], edge(k), edge(k + 1), Number(share.toPrecision(6))]);
  }
  function stripRows() {
    return [header, ...[...new Set([0, state.variant])].flatMap((v) => (shares(v) || []).flatMap((row, i) => rowsOf(v, i, row)))];
  }
  function curveRows() {
    return [header, ...data.variants.flatMap((_, v) => rowsOf(v, state.layer, shares(v)?.[state.layer]))];
  }
  update();
  return update;
}

panels.push(["heat-panel", heatPanel]);
