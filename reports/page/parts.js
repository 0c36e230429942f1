// Where a call's time goes, and what the chip does meanwhile. Both come from profiled calls, whose
// own durations are no result.
const stackedChoice = {section: ''};

function stackedPart(cases) {
  const known = cases.filter((one) => one.parts);
  if (known.length === 0) return null;
  const choices = make('div', {class: 'choices'});
  const place = chartPlace('stacked', 'Shares of kernels and gaps in a profiled call');
  const names = sectionNames(known);
  const show = () => {
    const section = names.some(([value]) => value === stackedChoice.section) ? stackedChoice.section : names[0][0];
    choices.replaceChildren(chooser('of', names, section, (value) => { stackedChoice.section = value; show(); }));
    const here = known.filter((one) => String(one.section) === section);
    place.element.style.height = `${8 + 1.8 * here.length}rem`;
    const bar = (label, color, part) => ({label, backgroundColor: color, data: here.map((one) => {
      const {busy_s, gap_s, latency_s} = one.parts, chain = Math.min(latency_s, busy_s);
      return 100 * {chain, rest: busy_s - chain, gap: gap_s}[part] / (busy_s + gap_s);
    })});
    draw(place.canvas, {
      type: 'bar',
      data: {
        labels: here.map((one) => one.series),
        datasets: [
          bar('kernels: steps and exchanges that must follow each other, at the least (floor)', '#0072b2', 'chain'),
          bar('kernels: everything else', '#56b4e9', 'rest'),
          bar('gaps between kernels', '#d55e00', 'gap'),
        ],
      },
      options: {
        indexAxis: 'y',
        scales: {x: {stacked: true, max: 100, title: {display: true, text: '% of a profiled call'}},
                 y: {stacked: true, ticks: {autoSkip: false}}},
        plugins: {tooltip: {callbacks: {label: (item) => `${item.dataset.label}: ${four(item.raw)} %`}}},
      },
    });
  };
  return {element: make('div', {}, choices, place.element), show};
}

const timelineChoice = {place: ''};

function timelinePart(cases) {
  const known = cases.filter((one) => one.timeline);
  if (known.length === 0) return null;
  const choices = make('div', {class: 'choices'});
  const place = chartPlace('timeline', 'Counters over time during a call');
  const names = known.map((one) => [String(one.place), `${one.series}: ${sectionOf(one).problem}`]);
  const show = () => {
    const one = known.find((each) => String(each.place) === timelineChoice.place) ?? known[0];
    choices.replaceChildren(chooser('of', names, String(one.place), (value) => { timelineChoice.place = value; show(); }));
    draw(place.canvas, {
      type: 'line',
      data: {
        datasets: Object.entries(one.timeline.series).map(([label, values], k) => ({
          label, borderColor: hues[k % hues.length], backgroundColor: hues[k % hues.length], pointRadius: 0,
          borderWidth: 1.5, data: values.map((y, i) => ({x: i * one.timeline.interval_s, y})),
        })),
      },
      options: {
        parsing: false,
        scales: {x: {...secondsAxis(one.timeline.forwards > 1 ? `${one.timeline.forwards} calls in a row` : 'one call', false),
                     type: 'linear'},
                 y: {min: 0, title: {display: true, text: '% of peak'}}},
      },
    });
  };
  return {element: make('div', {}, choices, place.element), show};
}
