// Time against a swept axis, one line for each implementation with its interval as a band.
const axisWords = {batch: 'batch', seq: 'steps', input: 'inputs', hidden: 'hidden units', layers: 'layers'};
const growthChoice = {axis: '', group: '', logX: true, logY: true};

/// Everything of a problem but the axis; where inputs are as many as hidden units everywhere,
/// they are swept together.
function groupsAlong(axis, cases) {
  const square = axis === 'hidden' && cases.every((one) => {
    const {axes} = sectionOf(one);
    return axes.input === axes.hidden;
  });
  const groups = new Map();
  for (const one of cases) {
    const {axes, scenario} = sectionOf(one);
    const rest = Object.entries(axes).filter(([name]) => name !== axis && !(square && name === 'input'));
    const key = JSON.stringify([scenario, rest]);
    if (!groups.has(key)) groups.set(key, {scenario, rest, cases: []});
    groups.get(key).cases.push(one);
  }
  return [...groups.entries()]
      .map(([key, group]) => ({key, ...group, steps: distinct(group.cases.map((c) => sectionOf(c).axes[axis]))}))
      .filter((group) => group.steps.length > 1)
      .sort((a, b) => b.steps.length - a.steps.length);
}

function groupName(group) {
  const of = Object.fromEntries(group.rest);
  const words = [of.cell + (of.directions === 2 ? ' both ways' : ''), of.dtype];
  for (const [name, short] of [['batch', 'B'], ['seq', 'T'], ['input', 'I'], ['hidden', 'H'], ['layers', 'L']])
    if (of[name] !== undefined) words.push(`${short} ${of[name]}`);
  if (of.other) words.push(of.other);
  return `${words.join(', ')} (${group.scenario})`;
}

function growthLines(group, axis) {
  const lines = [];
  for (const series of distinct(group.cases.map((one) => one.series))) {
    const style = styleOf(series);
    const along = group.cases.filter((one) => one.series === series)
        .map((one) => ({x: sectionOf(one).axes[axis], one})).sort((a, b) => a.x - b.x);
    const common = {borderColor: style.color, pointRadius: 0, borderWidth: 0, band: true};
    lines.push({...common, label: `${series}, low`, data: along.map(({x, one}) => ({x, y: one.low_s}))});
    lines.push({...common, label: `${series}, high`, data: along.map(({x, one}) => ({x, y: one.high_s})),
                fill: '-1', backgroundColor: faded(style.color, 0.25)});
    lines.push({label: series, data: along.map(({x, one}) => ({x, y: one.median_s})),
                borderColor: style.color, backgroundColor: style.color, borderDash: style.dash,
                pointStyle: style.point, pointRadius: 4, borderWidth: 2});
  }
  return lines;
}

function growthPart(cases) {
  const timed = cases.filter((one) => one.median_s > 0);
  const along = Object.keys(axisWords).map((axis) => [axis, groupsAlong(axis, timed)])
      .filter(([, groups]) => groups.length > 0);
  if (along.length === 0) return null;
  const choices = make('div', {class: 'choices'});
  const place = chartPlace('growth', 'Time against a swept axis; the same numbers are in the table of all cases');
  const show = () => {
    const [axis, groups] = along.find(([name]) => name === growthChoice.axis) ?? along[0];
    const group = groups.find(({key}) => key === growthChoice.group) ?? groups[0];
    choices.replaceChildren(
        chooser('against', along.map(([name]) => [name, axisWords[name]]), axis,
                (value) => { growthChoice.axis = value; show(); }),
        chooser('of', groups.map((one) => [one.key, groupName(one)]), group.key,
                (value) => { growthChoice.group = value; show(); }),
        switcher('logarithmic axis', growthChoice.logX, (on) => { growthChoice.logX = on; show(); }),
        switcher('logarithmic times', growthChoice.logY, (on) => { growthChoice.logY = on; show(); }));
    draw(place.canvas, {
      type: 'line',
      data: {datasets: growthLines(group, axis)},
      options: {
        parsing: false,
        interaction: {mode: 'nearest', intersect: false},
        scales: {
          x: {type: growthChoice.logX ? 'logarithmic' : 'linear', title: {display: true, text: axisWords[axis]},
              afterBuildTicks: (scale) => { scale.ticks = group.steps.sort((a, b) => a - b).map((value) => ({value})); },
              ticks: {callback: (value) => String(value)}},
          y: secondsAxis('median, with its 95 % interval', growthChoice.logY),
        },
        plugins: {
          legend: {labels: {usePointStyle: true, filter: (item, chart) => !chart.datasets[item.datasetIndex].band},
                   onClick: undefined},
          tooltip: {filter: (item) => !item.dataset.band,
                    callbacks: {label: (item) => `${item.dataset.label}: ${seconds(item.parsed.y)}`}},
        },
      },
    });
  };
  return {element: make('div', {}, choices, place.element), show};
}
