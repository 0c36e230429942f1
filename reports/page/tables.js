// The tables: speed-ups by colour, all cases, kernels, and what did not pass.
const passing = ['passed', 'unverified', 'mistrusted'];

function heatPart(cases) {
  const places = distinct(cases.map((one) => one.section));
  const series = seriesNames.filter((name) => cases.some((one) => one.series === name));
  if (places.length < 2 || series.length < 2) return null;
  const found = new Map(cases.map((one) => [`${one.section} ${one.series}`, one]));
  const at = (place, name) => found.get(`${place} ${name}`);
  const columns = [{
    name: 'problem', text: true, cell: (place) => data.sections[place].problem,
  }, ...series.map((name) => ({
    name,
    cell: (place) => {
      const one = at(place, name);
      if (!one) return '';
      if (!one.speedup) return make('span', {class: 'faint', title: one.remarks.join('; ')}, one.outcome);
      return make('span', {title: `${one.text.median} (${one.text.interval})`}, one.text.speedup);
    },
    value: (place) => at(place, name)?.speedup ?? null,
    class: (place) => at(place, name)?.fastest ? 'best' : undefined,
    fill: (place) => at(place, name)?.speedup ? heat(at(place, name).speedup) : undefined,
  }))];
  return {element: sortableTable(columns, places)};
}

/// What there is to say of a case, folded away: how many lines, then the lines.
function remarksCell(one) {
  const lines = [...one.remarks, ...one.findings.map((finding) => `finding: ${finding.sentence}`)];
  if (lines.length === 0) return '';
  return make('details', {}, make('summary', {}, `${lines.length}: ${lines[0].slice(0, 60)}${lines[0].length > 60 ? '…' : ''}`),
              ...lines.map((line) => make('p', {}, line)), make('p', {}, one.reproduce));
}

function casesPart(cases) {
  const columns = [
    {name: 'implementation', text: true, cell: (one) => one.series},
    {name: 'problem', text: true, cell: (one) => sectionOf(one).problem},
    {name: 'median', cell: (one) => one.text.median, value: (one) => one.median_s},
    {name: '95 % interval', cell: (one) => one.text.interval, value: (one) => one.low_s},
    {name: 'speed-up', cell: (one) => one.text.speedup, value: (one) => one.speedup},
    {name: 'GFLOP/s', cell: (one) => one.text.gflops, value: (one) => one.flops_per_s},
    {name: 'of floor', cell: (one) => one.text.floor_share, value: (one) => one.floor_share},
    {name: 'outcome', text: true, cell: (one) => one.outcome,
     class: (one) => passing.includes(one.outcome) ? undefined : 'bad'},
    {name: 'remarks', text: true, long: true, cell: remarksCell,
     value: (one) => one.remarks.length + one.findings.length},
  ];
  return {element: sortableTable(columns, cases, (one) => one.fastest ? 'fastest' : undefined)};
}

function kernelsPart(cases) {
  const rows = cases.flatMap((one) => one.kernels.map((kernel) => ({one, kernel})));
  if (rows.length === 0) return null;
  const metrics = distinct(rows.flatMap(({kernel}) => Object.keys(kernel.metrics)));
  const columns = [
    {name: 'implementation', text: true, cell: ({one}) => one.series},
    {name: 'problem', text: true, cell: ({one}) => sectionOf(one).problem},
    {name: 'kernel', text: true, long: true, cell: ({kernel}) => kernel.name},
    {name: 'shape', text: true, cell: ({kernel}) => kernel.shape},
    {name: 'launches', cell: ({kernel}) => kernel.launches},
    ...metrics.map((name) => ({
      name, cell: ({kernel}) => kernel.metrics[name] === undefined ? '-' : four(kernel.metrics[name]),
      value: ({kernel}) => kernel.metrics[name] ?? null,
    })),
    {name: 'findings', text: true, long: true,
     cell: ({one, kernel}) => one.findings.filter((f) => f.kernel === kernel.name).map((f) => f.sentence).join(' · ')},
  ];
  return {element: sortableTable(columns, rows)};
}

function outcomesPart(cases) {
  const rows = cases.filter((one) => one.outcome !== 'passed');
  if (rows.length === 0) return null;
  const columns = [
    {name: 'outcome', text: true, cell: (one) => one.outcome},
    {name: 'implementation', text: true, cell: (one) => one.series},
    {name: 'problem', text: true, cell: (one) => sectionOf(one).problem},
    {name: 'why', text: true, long: true, cell: (one) => one.remarks.join(' · ')},
  ];
  return {element: sortableTable(columns, rows)};
}
