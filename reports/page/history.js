// The page of trends: a chart for each problem on each machine, a line for each implementation over
// commits, and where it changed.
const form = document.getElementById('filters');

function short(commit) {
  return /^[0-9a-f]{40}$/.test(commit) ? commit.slice(0, 9) : commit;
}

/// The page's own link, or the commit alone where the store's address is none of the web's.
function commitLink(commit) {
  const address = data.link.replaceAll('{}', encodeURIComponent(commit));
  if (!/^https?:\/\//.test(address)) return make('code', {}, short(commit));
  return make('a', {href: address, rel: 'noopener'}, short(commit));
}

function valueText(chart, value) {
  return chart.unit === 's' ? seconds(value) : value.toLocaleString('en');
}

/// All commits of a chart in the order of their times.
function commitsOf(chart) {
  const times = new Map();
  for (const {points} of chart.lines)
    for (const point of points)
      if (!times.has(point.commit) || point.time < times.get(point.commit)) times.set(point.commit, point.time);
  return [...times.entries()].sort((a, b) => a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0).map(([commit]) => commit);
}

function trendLines(chart, commits) {
  const places = new Map(commits.map((commit, place) => [commit, place]));
  const sets = [];
  for (const line of chart.lines) {
    const style = styleOf(line.series);
    const at = (pick) => line.points.map((point) => ({x: places.get(point.commit), y: pick(point)}));
    const changed = new Set(line.changes.map((change) => change.at));
    const common = {borderColor: style.color, pointRadius: 0, borderWidth: 0, band: true};
    sets.push({...common, label: `${line.series}, low`, data: at((point) => point.low)});
    sets.push({...common, label: `${line.series}, high`, data: at((point) => point.high), fill: '-1',
               backgroundColor: faded(style.color, 0.25)});
    sets.push({
      label: line.series, line, data: at((point) => point.value), borderColor: style.color,
      backgroundColor: style.color, borderDash: style.dash, borderWidth: 2,
      pointStyle: line.points.map((_, k) => changed.has(k) ? 'rectRot' : style.point),
      pointRadius: line.points.map((_, k) => changed.has(k) ? 9 : 3),
    });
  }
  return sets;
}

/// Lines too far apart for one linear axis.
const farApart = 10;

function drawTrend(chart, canvas) {
  const commits = commitsOf(chart);
  const values = chart.lines.flatMap((line) => line.points.map((point) => point.value));
  const logarithmic = Math.max(...values) > farApart * Math.min(...values);
  draw(canvas, {
    type: 'line',
    data: {datasets: trendLines(chart, commits)},
    options: {
      parsing: false,
      interaction: {mode: 'nearest', intersect: false},
      scales: {
        x: {type: 'linear', title: {display: true, text: 'commit'}, min: 0, max: Math.max(1, commits.length - 1),
            ticks: {stepSize: 1, maxRotation: 60, callback: (value) => commits[value] ? short(commits[value]) : ''}},
        y: chart.unit === 's' ? secondsAxis('median, with its 95 % interval', logarithmic)
            : {beginAtZero: true, title: {display: true, text: chart.measure}},
      },
      plugins: {
        legend: {labels: {usePointStyle: true, filter: (item, of) => !of.datasets[item.datasetIndex].band},
                 onClick: undefined},
        tooltip: {
          filter: (item) => !item.dataset.band,
          callbacks: {
            title: (items) => items.length > 0 ? commits[items[0].parsed.x] : '',
            label: (item) => `${item.dataset.label}: ${valueText(chart, item.parsed.y)}`,
          },
        },
      },
    },
  });
}

function changesOf(charts) {
  return charts.flatMap((chart) => chart.lines.flatMap((line) => line.changes.map((change) =>
    ({chart, line, change, point: line.points[change.at], ratio: change.after / change.before}))));
}

function changesTable(charts) {
  const rows = changesOf(charts).sort((a, b) => a.point.time < b.point.time ? 1 : -1);
  if (rows.length === 0) return make('p', {class: 'faint'}, 'None.');
  return sortableTable([
    {name: 'commit', text: true, cell: (row) => commitLink(row.point.commit), value: (row) => row.point.time},
    {name: 'series', text: true, cell: (row) => row.line.series},
    {name: 'problem', text: true, cell: (row) => row.chart.problem},
    {name: 'measure', text: true, cell: (row) => row.chart.measure},
    {name: 'before', cell: (row) => valueText(row.chart, row.change.before), value: (row) => row.change.before},
    {name: 'after', cell: (row) => valueText(row.chart, row.change.after), value: (row) => row.change.after},
    {name: 'after / before', cell: (row) => Number.isFinite(row.ratio) ? row.ratio.toFixed(3) : '-', value: (row) => row.ratio,
     class: (row) => row.ratio > 1 ? 'bad' : undefined},
    {name: 'p', cell: (row) => row.change.p > 0 ? row.change.p.toFixed(3) : '-', value: (row) => row.change.p},
    {name: 'machine', text: true, cell: (row) => row.chart.machine},
  ], rows);
}

function latestTable(charts) {
  const rows = charts.flatMap((chart) => chart.lines.map((line) => ({chart, line, point: line.points.at(-1)})));
  return sortableTable([
    {name: 'series', text: true, cell: (row) => row.line.series},
    {name: 'problem', text: true, cell: (row) => row.chart.problem},
    {name: 'measure', text: true, cell: (row) => row.chart.measure},
    {name: 'latest', cell: (row) => valueText(row.chart, row.point.value), value: (row) => row.point.value},
    {name: 'commit', text: true, cell: (row) => commitLink(row.point.commit), value: (row) => row.point.time},
    {name: 'commits', cell: (row) => String(row.line.points.length), value: (row) => row.line.points.length},
    {name: 'machine', text: true, cell: (row) => row.chart.machine},
  ], rows);
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries)
    if (entry.isIntersecting && entry.target.show) {
      const show = entry.target.show;
      entry.target.show = undefined;
      show();
    }
}, {rootMargin: '600px'});

function hasAll(text, field) {
  return field.value.toLowerCase().split(/\s+/).every((word) => text.toLowerCase().includes(word));
}

function wantedCharts() {
  const {machine, measure, problem, series, changed} = form.elements;
  return data.charts
      .filter((chart) => (!machine.value || chart.machine === machine.value) &&
          (!measure.value || chart.measure === measure.value) && hasAll(`${chart.problem} ${chart.scenario}`, problem))
      .map((chart) => ({...chart, lines: chart.lines.filter((line) => hasAll(line.series, series))}))
      .filter((chart) => changed.checked ? chart.lines.some((line) => line.changes.length > 0) : chart.lines.length > 0);
}

const chartsAtOnce = 60;

function section(title, says, ...content) {
  return make('section', {}, make('h2', {}, title), says ? make('p', {class: 'faint'}, says) : null, ...content);
}

function showAll() {
  watcher.disconnect();
  const charts = wantedCharts();
  form.elements.shown.textContent = `${charts.length} of ${data.charts.length} charts`;
  const main = document.querySelector('main');
  main.replaceChildren(
      section('Changes', 'By E-divisive means; a change of less than the threshold is none. Marked on the charts.',
              changesTable(charts)));
  if (!hasCharts) main.append(withoutCharts());
  for (const [k, chart] of (hasCharts ? charts : []).slice(0, chartsAtOnce).entries()) {
    const place = chartPlace(`trend${k}`, `${chart.measure} of ${chart.problem} over commits`);
    const part = section(`${chart.problem}: ${chart.measure}`, `${chart.scenario}, ${chart.machine}`, place.element);
    part.show = () => drawTrend(chart, place.canvas);
    main.append(part);
    watcher.observe(part);
  }
  if (hasCharts && charts.length > chartsAtOnce)
    main.append(make('p', {class: 'more'}, `${charts.length - chartsAtOnce} more charts: filter to see them.`));
  main.append(section('Latest', '', latestTable(charts)));
}

function choices(select, all, values) {
  select.replaceChildren(make('option', {value: ''}, all), ...values.map((value) => make('option', {value}, value)));
}

document.title = data.title;
document.getElementById('answer').textContent = data.answer;
choices(form.elements.machine, 'all', distinct(data.charts.map((chart) => chart.machine)));
choices(form.elements.measure, 'all', distinct(data.charts.map((chart) => chart.measure)));
form.addEventListener('input', showAll);
form.addEventListener('submit', (event) => event.preventDefault());
showAll();
dark.addEventListener('change', showAll);
addEventListener('beforeprint', () => {
  for (const part of document.querySelectorAll('section'))
    if (part.show) {
      const show = part.show;
      part.show = undefined;
      show();
    }
});
