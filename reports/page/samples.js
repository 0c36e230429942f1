// All samples of one problem (thinned where there are many), in the order in which they were taken.
const samplesChoice = {section: ''};

function sectionNames(cases) {
  return distinct(cases.map((one) => one.section))
      .map((place) => [String(place), `${data.sections[place].problem} (${data.sections[place].scenario})`]);
}

function samplesPart(cases) {
  const timed = cases.filter((one) => one.samples.length > 0);
  if (timed.length === 0) return null;
  const choices = make('div', {class: 'choices'});
  const place = chartPlace('samples', 'Samples of one problem by implementation');
  const names = sectionNames(timed), lines = make('p', {class: 'faint'});
  const show = () => {
    const section = names.some(([value]) => value === samplesChoice.section) ? samplesChoice.section : names[0][0];
    choices.replaceChildren(chooser('of', names, section, (value) => { samplesChoice.section = value; show(); }));
    lines.textContent = data.sections[section].lines.join('; ');
    const here = timed.filter((one) => String(one.section) === section);
    const datasets = here.map((one, k) => {
      const style = styleOf(one.series);
      const last = Math.max(1, one.samples.length - 1);
      return {label: one.series, backgroundColor: faded(style.color, 0.55), borderColor: style.color,
              pointStyle: style.point, pointRadius: 3,
              data: one.samples.map((y, i) => ({x: k + 0.7 * i / last - 0.35, y}))};
    });
    draw(place.canvas, {
      type: 'scatter',
      data: {datasets},
      options: {
        scales: {
          x: {min: -0.6, max: here.length - 0.4, grid: {display: false},
              afterBuildTicks: (scale) => { scale.ticks = here.map((one, value) => ({value})); },
              ticks: {autoSkip: false, callback: (value) => here[value]?.series}},
          y: {...secondsAxis('one call', true), beginAtZero: false},
        },
        plugins: {legend: {display: false},
                  tooltip: {callbacks: {label: (item) => `${item.dataset.label}: ${seconds(item.parsed.y)}`}}},
      },
    });
  };
  return {element: make('div', {}, choices, lines, place.element), show};
}
