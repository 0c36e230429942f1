// Tables that sort by a column and grow as the reader comes to their end.
const rowsAtOnce = 200;

/// columns: {name, text?: true for words, cell(row): text or element, value?(row): what it sorts by,
/// class?(row), fill?(row): a colour}.
function sortableTable(columns, rows, rowClass = () => undefined) {
  const body = make('tbody');
  let order = rows, shown = 0;
  const more = make('p', {class: 'more'});
  const grow = (count) => {
    const part = order.slice(shown, shown + count);
    body.append(...part.map((row) => make('tr', {class: rowClass(row)}, ...columns.map((column) => {
      const extra = column.class ? column.class(row) : undefined;
      const name = [column.text ? 'text' : '', column.long ? 'long' : '', extra ?? ''];
      const cell = make('td', {class: name.join(' ').trim() || undefined}, column.cell(row));
      if (column.fill) cell.style.backgroundColor = column.fill(row) ?? '';
      return cell;
    }))));
    shown += part.length;
    const left = order.length - shown;
    more.replaceChildren();
    if (left <= 0) return;
    const button = make('button', {type: 'button'}, `${left} more rows`);
    button.addEventListener('click', () => grow(left));
    more.append(button);
  };
  const show = () => {
    body.replaceChildren();
    shown = 0;
    grow(rowsAtOnce);
  };
  const heads = columns.map((column) => {
    const button = make('button', {type: 'button'}, column.name);
    const head = make('th', {scope: 'col', class: column.text ? 'text' : undefined}, button);
    button.addEventListener('click', () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const value = column.value ?? column.cell;
      const compare = (a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === null || x === undefined) return y === null || y === undefined ? 0 : 1;
        if (y === null || y === undefined) return -1;  // what has no value comes last both ways
        const sign = typeof x === 'number' ? x - y : String(x).localeCompare(String(y));
        return down ? -sign : sign;
      };
      order = [...rows].sort(compare);
      show();
    });
    return head;
  });
  addEventListener('beforeprint', () => grow(order.length));
  show();
  return make('div', {class: 'wide'},
              make('table', {}, make('thead', {}, make('tr', {}, ...heads)), body), more);
}
