// ---- Tokens and their clusters. ----

const HUES = 6, TONES = 3; // clusters beyond HUES * TONES share a look; the tip tells them apart

/** labelsOf returns the partitions of a variant over layers, or null. */
const labelsOf = (variant, prompt, site) => parts.get(key(variant, prompt, site)) || null;

/**
 * inherit gives each cluster a colour: that of the reference's cluster which it
 * shares most tokens with, no colour twice, and the lowest free one for the rest.
 * labels and reference run over tokens; what is negative is in no cluster.
 */
function inherit(labels, reference) {
  const shared = new Map(), clusters = [...new Set(labels.filter((l) => l >= 0))].sort((a, b) => a - b);
  labels.forEach((l, i) => {
    if (l >= 0 && reference && reference[i] >= 0) shared.set(key(l, reference[i]), (shared.get(key(l, reference[i])) || 0) + 1);
  });
  const pairs = [...shared].map(([k, n]) => [n, ...k.split("|").map(Number)]).sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
  const colour = new Map(), taken = new Set();
  for (const [, l, c] of pairs) if (!colour.has(l) && !taken.has(c)) { colour.set(l, c); taken.add(c); }
  for (const l of clusters) {
    if (colour.has(l)) continue;
    let c = 0;
    while (taken.has(c)) c++;
    colour.set(l, c);
    taken.add(c);
  }
  return labels.map((l) => (l >= 0 ? colour.get(l) : l));
}

/** coloursOf follows the base from layer to layer, and a variant beside the base: (layers, tokens). */
function coloursOf(variant, prompt, site) {
  let previous = null;
  const base = (labelsOf(0, prompt, site) || []).map((labels) => labels && (previous = inherit(labels, previous)));
  if (variant === 0) return base;
  return (labelsOf(variant, prompt, site) || []).map((labels, i) => labels && inherit(labels, base[i]));
}

/** clustersPanel shows one prompt under two variants, at one layer and over all. */
function clustersPanel(root) {
  const prompts = [...data.prompts.keys()].filter((p) => pieces.has(p) && labelsOf(0, p, 0));
  if (!prompts.length) { root.append(make("p", {}, "This page holds no tokens; clusters.jsonl does.")); return; }
  const state = { prompt: prompts[0], site: 0, layer: 0, variants: [0, Math.min(1, data.variants.length - 1)], highlight: null };
  state.layer = Math.floor(axisOf(0).layers.length / 2);
  const columns = make("div", { class: "side" });
  const layerSlider = siteSlider(state.site, state.layer, (i) => { state.layer = i; update(); });
  const set = (field) => (value) => { state[field] = value; state.highlight = null; update(); };
  const names = data.variants.map((name, i) => [i, name]);
  const pick = (side) => choice(side ? "Right" : "Left", names, state.variants[side], (v) => { state.variants[side] = v; update(); });
  root.append(make("div", { class: "controls" },
    prompts.length > 1 ? choice("Prompt", prompts.map((p) => [p, promptName(p)]), state.prompt, set("prompt")) : null,
    ...(data.variants.length > 1 ? [pick(0), pick(1)] : []), layerSlider),
  columns,
  make("p", { class: "note" }, "Colours follow the largest overlap, from layer to layer in the base and from the base to the other variant; clusters are those of the default mask. Dotted: in no cluster (noise). Struck out: masked. Click a token to single out its cluster; the arrow keys move between tokens."),
  saveButtonCSV());

  const shown = () => (data.variants.length > 1 ? state.variants : [0]);

  function update() {
    columns.replaceChildren(...shown().map((v) => column(v)));
  }

  /** column is one variant: its numbers at the layer, its map, its tokens. */
  function column(v) {
    const labels = labelsOf(v, state.prompt, state.site), colours = coloursOf(v, state.prompt, state.site);
    const node = make("div", { class: "variant" }, make("h3", {}, data.variants[v]), numbers(v));
    if (!labels) { node.append(make("p", { class: "note" }, "This page holds no clusters of this variant; clusters.jsonl does.")); return node; }
    node.append(map(v, labels, colours), chips(v, labels[state.layer], colours[state.layer]));
    return node;
  }

  /** numbers shows what metrics.csv has of this state. */
  function numbers(v) {
    const find = (name, u = v) => {
      const m = data.metrics.findIndex((x) => x.name === name);
      return m < 0 ? null : lines.get(key(u, state.prompt, state.site, m, 0))?.value[state.layer];
    };
    const clustered = [0, v].every((u) => find("clusters", u) !== 0); // else there is nothing that could agree
    const named = [["clusters", "clusters"], ["noise", "noise_share"], ["mean cosine", "cosine_mean"],
      ...(clustered ? [["AMI with base", "ami_base"], ["ARI with base", "ari_base"]] : []), ["drift", "drift"]];
    return make("p", { class: "numbers" }, ...named.map(([text, name]) => [text, find(name)]).filter(([, x]) => x != null)
      .map(([text, x]) => make("span", {}, text + " ", make("b", {}, show(x)))));
  }

  /** map draws all layers of a variant, a row a layer and a column a token. */
  function map(v, labels, colours) {
    const { layers } = axisOf(state.site), tokens = data.prompts[state.prompt].n;
    const canvas = make("canvas", { class: "map", width: tokens, height: layers.length, "aria-hidden": "true" });
    paint(canvas, colours);
    const at = (e) => {
      const box = canvas.getBoundingClientRect(), part = (p, size, n) => Math.max(0, Math.min(n - 1, Math.floor((p / size) * n)));
      return [part(e.clientY - box.top, box.height, layers.length), part(e.clientX - box.left, box.width, tokens)];
    };
    canvas.addEventListener("pointermove", (e) => { const [i, t] = at(e); describe(e.clientX, e.clientY, i, t, labels[i]); });
    canvas.addEventListener("pointerleave", hideTip);
    canvas.addEventListener("click", (e) => {
      const [i, t] = at(e);
      state.layer = i;
      layerSlider.set(i);
      state.highlight = colours[i]?.[t] >= 0 ? colours[i][t] : null;
      update();
    });
    const marker = make("div", { class: "marker" });
    marker.style.top = (100 * state.layer) / layers.length + "%";
    marker.style.height = 100 / layers.length + "%";
    return make("div", { class: "mapped" }, canvas, marker);
  }

  function paint(canvas, colours) {
    const ink = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    colours.forEach((row, i) => row?.forEach((c, t) => {
      if (c === MASKED) return;
      ink.globalAlpha = c === NOISE ? 1 : (state.highlight != null && c !== state.highlight ? 0.25 : 1) * [0.95, 0.62, 0.36][Math.floor(c / HUES) % TONES];
      ink.fillStyle = style.getPropertyValue(c === NOISE ? "--grid" : `--s${1 + (c % HUES)}`);
      ink.fillRect(t, i, 1, 1);
    }));
  }

  /** chips is the prompt as text, one span a token; one of them is a tab stop. */
  function chips(v, labels, colours) {
    const node = make("div", { class: "chips", role: "group", "aria-label": "tokens of " + promptName(state.prompt) });
    pieces.get(state.prompt).forEach((piece, t) => {
      const c = colours?.[t] ?? MASKED;
      const chip = make("span", { class: "chip " + look(c), role: "button", tabindex: t ? -1 : 0, "data-t": t });
      if (state.highlight != null && c !== state.highlight) chip.classList.add("dim");
      write(chip, piece);
      chip.setAttribute("aria-label", `${t}: ${piece.trim() || "blank"}, ${inWords(labels?.[t])}`);
      node.append(chip);
      if (piece.includes("\n")) node.append(make("br"));
    });
    const of = (e) => e.target.closest(".chip"), index = (chip) => Number(chip.dataset.t);
    const choose = (t) => { state.highlight = colours[t] >= 0 && colours[t] !== state.highlight ? colours[t] : null; update(); };
    node.addEventListener("click", (e) => of(e) && choose(index(of(e))));
    node.addEventListener("pointerover", (e) => of(e) && describe(e.clientX, e.clientY, state.layer, index(of(e)), labels));
    node.addEventListener("pointerleave", hideTip);
    node.addEventListener("focusout", hideTip);
    node.addEventListener("focusin", (e) => {
      const box = of(e)?.getBoundingClientRect();
      if (box && of(e).matches(":focus-visible")) describe(box.left, box.bottom, state.layer, index(of(e)), labels);
    });
    node.addEventListener("keydown", (e) => {
      const chip = of(e), all = [...node.querySelectorAll(".chip")], step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (!chip) return;
      if (step) { e.preventDefault(); all[Math.max(0, Math.min(all.length - 1, index(chip) + step))].focus(); }
      if (e.key === "Enter" || e.key === " ") {
        e.preventDefault();
        const side = [...columns.children].findIndex((n) => n.contains(chip)), t = index(chip);
        choose(t);
        columns.children[side].querySelectorAll(".chip")[t].focus();
      }
    });
    return node;
  }

  /** write makes blanks and line breaks of a piece visible. */
  function write(chip, piece) {
    for (const c of piece) {
      const sign = { " ": "\u00b7", "\n": "\u21b5", "\t": "\u21e5", "\r": "\u240d" }[c];
      chip.append(sign ? make("span", { class: "space" }, sign) : c);
    }
    if (!piece) chip.append(make("span", { class: "space" }, "\u2205"));
  }

  const look = (c) => (c === MASKED ? "masked" : c === NOISE ? "noise" : `h${1 + (c % HUES)} t${Math.floor(c / HUES) % TONES}`);
  const inWords = (l) => (l == null || l === MASKED ? "masked" : l === NOISE ? "in no cluster" : "cluster " + l);

  function describe(x, y, layer, t, labels) {
    const reason = data.prompts[state.prompt].masked?.[t], piece = pieces.get(state.prompt)[t] ?? "";
    showTip(x, y, make("b", {}, JSON.stringify(piece)), make("br"), `position ${t}, ${inWords(labels?.[t])}${reason ? ` (${reason})` : ""}`,
      make("br"), layerName(state.site, layer));
  }

  function saveButtonCSV() {
    const rows = () => {
      const out = [["variant", "prompt", "layer", "position", "token", "label"]], { layers } = axisOf(state.site);
      for (const v of new Set(shown())) labelsOf(v, state.prompt, state.site)?.forEach((row, i) => row?.forEach((l, t) =>
        out.push([data.variants[v], promptName(state.prompt), layers[i], t, pieces.get(state.prompt)[t], l === MASKED ? "" : l])));
      return out;
    };
    return make("div", { class: "save" }, make("button", { type: "button", class: "quiet",
      click: () => saveCSV(fileName("clusters", promptName(state.prompt)) + ".csv", rows()) }, "data (CSV)"));
  }

  document.addEventListener("themechange", update);
  update();
}

panels.push(["clusters-panel", clustersPanel]);
