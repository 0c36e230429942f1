// Which cases the reader wants to see.
const form = document.getElementById('filters');
const hidden = new Set();  // series

function sectionOf(one) {
  return data.sections[one.section];
}

function fillSelect(select, values, all) {
  const before = select.value;
  select.replaceChildren(...(all ? [make('option', {value: ''}, all)] : []),
                         ...values.map((value) => make('option', {value}, value)));
  if (values.includes(before)) select.value = before;
}

function wantedCases() {
  const wanted = (name) => form.elements[name].value;
  const words = wanted('problem').toLowerCase().split(/[\s,]+/).filter((word) => word);
  return data.cases.filter((one) => {
    const of = sectionOf(one);
    const parts = `${of.problem} ${of.scenario}`.toLowerCase();
    return (!wanted('scenario') || of.scenario === wanted('scenario')) &&
           (!wanted('dtype') || of.axes.dtype === wanted('dtype')) &&
           (!wanted('mode') || one.mode === wanted('mode')) &&
           (!wanted('outcome') || one.outcome === wanted('outcome')) &&
           words.every((word) => parts.includes(word)) && !hidden.has(one.series);
  });
}

function buildFilters(changed) {
  fillSelect(form.elements.scenario, distinct(data.sections.map((s) => s.scenario)), 'all');
  fillSelect(form.elements.dtype, distinct(data.sections.map((s) => s.axes.dtype)), 'all');
  fillSelect(form.elements.mode, distinct(data.cases.map((c) => c.mode)), 'all');
  fillSelect(form.elements.outcome, distinct(data.cases.map((c) => c.outcome)), 'all');
  document.getElementById('series').append(...seriesNames.map((series) => {
    const box = make('input', {type: 'checkbox', checked: true, value: series});
    box.addEventListener('change', () => {
      box.checked ? hidden.delete(series) : hidden.add(series);
    });
    return make('label', {}, box, ' ', series);
  }));
  let timer = 0;
  form.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(changed, 60);
  });
  form.addEventListener('submit', (event) => event.preventDefault());
}
