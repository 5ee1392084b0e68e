// ---- The data of a run, as payload.go writes it. ----

const ALL = -1; // the prompt that is the mean over all prompts
const NOISE = -1, MASKED = -2; // cluster labels that are no cluster

/** Lines by variant, prompt, site, metric and mask: {n, value, lo, hi} over layers. */
const lines = new Map(data.lines.map(([v, p, s, m, k, n, value, lo, hi]) => [key(v, p, s, m, k), { n, value, lo, hi }]));
/** Histograms by variant, prompt, site and mask: [first bin, count, ...] or null, over layers. */
const hists = new Map((data.hists || []).map(([v, p, s, k, layers]) => [key(v, p, s, k), layers]));
/** Partitions by variant, prompt and site: labels or null, over layers. */
const parts = new Map((data.parts || []).map(([v, p, s, layers]) => [key(v, p, s), layers]));
/** Token pieces by prompt; their positions where a prompt has no text, as of stored states. */
const pieces = new Map((data.pieces || []).map(([p, list]) => [p, list.length ? list : Array.from({ length: data.prompts[p].n }, (_, t) => String(t))]));

const axisOf = (site) => data.axes[data.sites[site]];
const isRaw = (layer) => layer.endsWith("-raw");
const promptName = (p) => (p === ALL ? (data.count === 1 ? "all (one prompt)" : `all ${data.count} prompts (mean)`) : data.prompts[p].id);

/** layerName says what a layer is in words. */
function layerName(site, i) {
  const { layers } = axisOf(site);
  const layer = layers[i];
  if (data.sites[site] !== "resid") return `block ${layer}, ${data.sites[site]} output`;
  if (isRaw(layer)) return `last block, before the final norm (${layer})`;
  if (layer === "0") return "hidden_states[0], embeddings";
  if (layers.includes(layer + "-raw")) return `hidden_states[${layer}], after the final norm`;
  return `hidden_states[${layer}], after ${layer} ${layer === "1" ? "block" : "blocks"}`;
}

/** siteSlider chooses a layer of a site. */
function siteSlider(site, selected, change) {
  return slider("layer", axisOf(site).layers.length, (i) => "Layer: " + layerName(site, i), selected, change);
}
