// Flops a second by flops for each byte of device memory, under the ceilings that were measured.
function rooflinePart(cases) {
  const known = cases.filter((one) => one.roofline);
  if (known.length === 0) return null;
  const place = chartPlace('roofline', 'Roofline: flops a second by flops for each byte');
  const show = () => {
    const datasets = distinct(known.map((one) => one.series)).map((series) => {
      const style = styleOf(series);
      return {label: series, backgroundColor: style.color, borderColor: style.color, pointStyle: style.point,
              pointRadius: 5,
              data: known.filter((one) => one.series === series)
                  .map((one) => ({x: one.roofline.intensity, y: one.roofline.flops_per_s,
                                  problem: sectionOf(one).problem}))};
    });
    const all = known.map((one) => one.roofline);
    const left = Math.min(...all.map((p) => p.intensity), ...all.map((p) => p.ridge ?? Infinity)) / 2;
    const right = Math.max(...all.map((p) => p.intensity), ...all.map((p) => p.ridge ?? 0)) * 2;
    const roofs = new Map(known.filter((one) => one.roofline.ridge)
        .map((one) => [`${one.device} ${sectionOf(one).axes.dtype}`, one.roofline]));
    for (const [name, roof] of roofs)
      datasets.push({type: 'line', label: `ceiling of ${name}`, pointRadius: 0, borderWidth: 1.5, roof: true,
                     borderColor: cssColor('--faint'),
                     data: [left, roof.ridge, right].map((x) => ({x, y: Math.min(roof.peak_flops, x * roof.peak_bytes)}))});
    draw(place.canvas, {
      type: 'scatter',
      data: {datasets},
      options: {
        scales: {
          x: {type: 'logarithmic', title: {display: true, text: 'flops for each byte moved between chip and DRAM'},
              ticks: {callback: (value) => isRound(value) ? four(value) : ''}},
          y: {type: 'logarithmic', title: {display: true, text: 'flops a second'},
              ticks: {callback: (value) => isRound(value) ? amount(value, 'FLOP/s') : ''}},
        },
        plugins: {tooltip: {callbacks: {label: (item) => item.dataset.roof ? item.dataset.label :
            `${item.dataset.label}, ${item.raw.problem}: ${amount(item.raw.y, 'FLOP/s')}`}}},
      },
    });
  };
  return {element: place.element, show};
}
