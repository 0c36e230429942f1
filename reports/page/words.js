// Numbers in words, and elements from text. Text from the data becomes text nodes, never markup.
const data = JSON.parse(document.getElementById('data').textContent);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

function four(value) {
  return Number(value.toPrecision(4)).toString();
}

function seconds(value) {
  if (!(value > 0)) return value === 0 ? '0 s' : '-';
  for (const [unit, size] of [['s', 1], ['ms', 1e-3], ['µs', 1e-6]])
    if (value >= size) return `${four(value / size)} ${unit}`;
  return `${four(value / 1e-9)} ns`;
}

function amount(value, unit) {
  for (const [prefix, size] of [['T', 1e12], ['G', 1e9], ['M', 1e6], ['k', 1e3]])
    if (Math.abs(value) >= size) return `${four(value / size)} ${prefix}${unit}`;
  return `${four(value)} ${unit}`;
}

function distinct(values) {
  return [...new Set(values)];
}
