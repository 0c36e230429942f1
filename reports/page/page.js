// The page: its head, then a part for each thing that there is something to show of.
function headOf(run) {
  const several = data.runs.length > 1;
  return make('section', {},
              make('h2', {}, several ? `Machine and method: ${run.label}` : 'Machine and method'),
              ...run.method.map((line) => make('p', {}, line)),
              make('dl', {}, ...run.facts.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)])),
              make('p', {}, 'Run it again:'), make('pre', {}, run.command));
}

const mostFindings = 3;

/// What stands out in the fastest implementations, a sentence once.
function mainFindings() {
  const found = new Map();
  for (const one of data.cases.filter((each) => each.fastest))
    for (const {sentence} of one.findings)
      if (!found.has(sentence)) found.set(sentence, `${one.series}, ${sectionOf(one).problem}: ${sentence}`);
  return [...found.values()].slice(0, mostFindings).map((text) => make('p', {class: 'finding'}, text));
}

function notes() {
  const lines = data.runs.flatMap((run) => run.warnings.map((text) => ({text, bad: true})))
      .concat(data.runs.flatMap((run) => run.notes.map((text) => ({text, bad: false}))));
  return lines.map(({text, bad}) => make('p', {class: bad ? 'warning' : 'faint'}, text));
}

const parts = [
  ['time', 'Time by axis', growthPart, true,
   'Medians of all samples; bands are 95 % bootstrap intervals.'],
  ['speed-up', 'Speed-up by problem', heatPart, false,
   'Over the baseline that each problem’s table names: blue is faster, orange slower; framed: the fastest.'],
  ['where', 'Where the time goes', stackedPart, true,
   'Shares of calls that were made for a profile: they take longer than timed ones.'],
  ['roof', 'Roofline', rooflinePart, true, 'Flops of the problem over the timed median; ceilings as measured here.'],
  ['activity', 'Activity over time', timelinePart, true, ''],
  ['distribution', 'Samples', samplesPart, true, 'In the order in which they were taken; at most 100 of a case, evenly spread.'],
  ['cases', 'All cases', casesPart, false, 'Click a column’s head to sort.'],
  ['kernels', 'Kernels', kernelsPart, false, 'Counters of one launch, by the profiler’s names.'],
  ['outcomes', 'What did not pass', outcomesPart, false, ''],
];

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries)
    if (entry.isIntersecting && entry.target.show) {
      const show = entry.target.show;
      entry.target.show = undefined;
      show();
    }
}, {rootMargin: '600px'});

function showAll() {
  watcher.disconnect();
  const cases = wantedCases();
  form.elements.shown.textContent = `${cases.length} of ${data.cases.length} cases`;
  const main = document.querySelector('main'), links = [];
  main.replaceChildren();
  for (const [id, title, build, drawn, says] of parts) {
    const part = drawn && !hasCharts ? null : build(cases);
    if (!part) continue;
    const section = make('section', {id}, make('h2', {}, title), says ? make('p', {class: 'faint'}, says) : null,
                         part.element);
    main.append(section);
    links.push(make('a', {href: `#${id}`}, title));
    if (!part.show) continue;
    section.show = part.show;
    watcher.observe(section);
  }
  if (cases.length === 0) main.append(make('p', {}, 'No case fits these filters.'));
  if (!hasCharts) main.prepend(withoutCharts());
  main.append(...data.runs.map(headOf));
  document.querySelector('nav').replaceChildren(...links);
}

document.title = data.title;
document.getElementById('answer').textContent = data.runs.map((run) => run.answer).join(' ');
document.getElementById('notes').append(...mainFindings(), ...notes());
buildFilters(showAll);
showAll();
dark.addEventListener('change', showAll);
addEventListener('beforeprint', () => {
  for (const section of document.querySelectorAll('section'))
    if (section.show) {
      const show = section.show;
      section.show = undefined;
      show();
    }
});
