// One colour, dash and point for each series, the same in every chart. The colours are those of
// Okabe and Ito, which people with colour blindness tell apart.
const dark = matchMedia('(prefers-color-scheme: dark)');
const hues = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#b8a900', '#888888'];
const points = ['circle', 'triangle', 'rect', 'rectRot', 'star', 'cross'];
const seriesNames = distinct(data.cases.map((one) => one.series));

function styleOf(series) {
  const place = seriesNames.indexOf(series);
  return {
    color: hues[place % hues.length],
    dash: [[], [6, 3], [2, 3]][Math.floor(place / hues.length) % 3],
    point: points[place % points.length],
  };
}

function faded(color, share) {
  return color + Math.round(255 * share).toString(16).padStart(2, '0');
}

function cssColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/// Speed-ups on a scale of twos: blue is faster than the baseline, orange slower.
function heat(ratio) {
  const strength = Math.min(1, Math.abs(Math.log2(ratio)) / 3);
  return faded(ratio >= 1 ? '#0072b2' : '#d55e00', 0.08 + 0.5 * strength);
}
