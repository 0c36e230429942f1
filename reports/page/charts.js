// What charts have in common. Chart.js may be missing from the build: then a sentence stands there.
const hasCharts = typeof Chart !== 'undefined';

function chartPlace(id, says) {
  const canvas = make('canvas', {id, role: 'img', 'aria-label': says, tabindex: '0'});
  return {canvas, element: make('div', {class: 'chart'}, canvas)};
}

function withoutCharts() {
  return make('p', {class: 'faint'},
              'This rnnbench was built without Chart.js (libjs-chart.js on Debian and Ubuntu): no charts.');
}

function draw(canvas, config) {
  Chart.getChart(canvas)?.destroy();
  Chart.defaults.color = cssColor('--text');
  Chart.defaults.borderColor = cssColor('--line');
  Chart.defaults.font.family = 'system-ui, sans-serif';
  config.options = {
    animation: false, maintainAspectRatio: false, responsive: true, normalized: true,
    ...config.options,
  };
  return new Chart(canvas, config);
}

/// 1, 2 or 5 times a power of ten: what a logarithmic axis has room to name.
function isRound(value) {
  return [1, 2, 5].includes(Number((value / 10 ** Math.floor(Math.log10(value))).toPrecision(3)));
}

function secondsAxis(title, logarithmic) {
  return {
    type: logarithmic ? 'logarithmic' : 'linear',
    beginAtZero: !logarithmic,
    title: {display: true, text: title},
    ticks: {callback: (value) => logarithmic && !isRound(value) ? '' : seconds(value)},
  };
}

function chooser(label, values, chosen, changed) {
  const select = make('select', {}, ...values.map(([value, name]) => make('option', {value}, name)));
  if (values.some(([value]) => value === chosen)) select.value = chosen;
  select.addEventListener('change', () => changed(select.value));
  return make('label', {}, `${label} `, select);
}

function switcher(label, on, changed) {
  const box = make('input', {type: 'checkbox', checked: on});
  box.addEventListener('change', () => changed(box.checked));
  return make('label', {}, box, ` ${label}`);
}
