// Where the steps of a flow are drawn: layers from the start downwards, few crossings, short lines. Pure geometry.
//
// The classical way for layered drawings: turn circles open, layer by the longest path, order each layer by the middle of
// what leads to it, then move everything as near to its neighbours as its own neighbours in the row allow.

const GAP_X = 28;
const GAP_Y = 52;
const SWEEPS = 8;

/**
 * Lay out a flow. `steps`: [{name, width, height, ways: [{to, at}]}], `at` being the middle of a way's port from the left.
 * Gives {places: Map(name -> {x, y, layer}), lines: [{from, way, to, path, back}], left, width, height}.
 */
export function layOut(start, steps) {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const { order, back } = openCircles(start, steps, byName);
  const layers = layersOf(start, order, byName, back);
  const rows = rowsOf(order, layers, byName, back);
  settleOrder(rows);
  settlePlaces(rows);
  return drawn(rows, byName, back, layers);
}

const id = (from, way) => `${from}\n${way}`;

/** Depth first from the start; a way to a step that is still being walked closes a circle and is drawn as a way back. */
function openCircles(start, steps, byName) {
  const back = new Set();
  const state = new Map();
  const order = [];
  const walk = (name) => {
    state.set(name, "open");
    byName.get(name).ways.forEach(({ to }, index) => {
      if (!byName.has(to)) return;
      if (state.get(to) === "open") back.add(id(name, index));
      else if (!state.has(to)) walk(to);
    });
    state.set(name, "done");
    order.unshift(name);
  };
  if (byName.has(start)) walk(start);
  const reached = order.length;
  const rest = [];
  for (const step of steps) {
    if (state.has(step.name)) continue;
    const before = order.length;
    walk(step.name);
    rest.push(...order.splice(0, order.length - before));
  }
  return { order: [...order.slice(0, reached), ...rest], back };
}

function layersOf(start, order, byName, back) {
  // What nothing leads to yet stands below the start, so that the start stays alone at the top.
  const layers = new Map(order.map((name) => [name, name === start ? 0 : 1]));
  for (let round = 0; round < order.length; round += 1) {
    let moved = false;
    for (const name of order) {
      byName.get(name).ways.forEach(({ to }, index) => {
        if (!layers.has(to) || back.has(id(name, index)) || layers.get(to) > layers.get(name)) return;
        layers.set(to, layers.get(name) + 1);
        moved = true;
      });
    }
    if (!moved) break;
  }
  return layers;
}

/** Rows of cells. A way over several layers runs through bends; ways to one step share them, like branches of a tree. */
function rowsOf(order, layers, byName, back) {
  const rows = Array.from({ length: Math.max(0, ...layers.values()) + 1 }, () => []);
  const cells = new Map();
  const cell = (key, layer, width, height) => {
    if (!cells.has(key)) {
      cells.set(key, { key, layer, width, height, x: 0, ups: [], downs: [] });
      rows[layer].push(cells.get(key));
    }
    return cells.get(key);
  };
  for (const name of order) cell(name, layers.get(name), byName.get(name).width, byName.get(name).height);
  for (const name of order) {
    byName.get(name).ways.forEach(({ to, at }, index) => {
      if (!layers.has(to) || back.has(id(name, index))) return;
      let from = cells.get(name);
      let offset = at;
      for (let layer = layers.get(name) + 1; layer <= layers.get(to); layer += 1) {
        const last = layer === layers.get(to);
        const next = last ? cells.get(to) : cell(`${to}\n@${layer}`, layer, 8, 0);
        if (!from.downs.some((one) => one.cell === next && one.offset === offset)) {
          from.downs.push({ cell: next, offset });
          next.ups.push({ cell: from, offset });
        }
        from = next;
        offset = 4;
      }
    });
  }
  return rows;
}

/** Order each row by the middle of its neighbours, downwards and upwards in turn; the order with the fewest crossings stays. */
function settleOrder(rows) {
  const number = (row) => row.forEach((one, index) => { one.place = index; });
  rows.forEach(number);
  const middle = (ways, fallback) => (ways.length ? ways.reduce((sum, place) => sum + place, 0) / ways.length : fallback);
  let best = rows.map((row) => [...row]);
  let fewest = crossings(rows);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows.slice(1) : rows.slice(0, -1).reverse()) {
      for (const one of row) {
        one.middle = down
          ? middle(one.ups.map(({ cell, offset }) => cell.place + offset / (cell.width + 1)), one.place)
          : middle(one.downs.map(({ cell, offset }) => cell.place - offset / (one.width + 1) / 2), one.place);
      }
      row.sort((a, b) => a.middle - b.middle || a.place - b.place);
      number(row);
    }
    const now = crossings(rows);
    if (now < fewest) {
      fewest = now;
      best = rows.map((row) => [...row]);
    }
  }
  best.forEach((row, index) => { rows[index].splice(0, rows[index].length, ...row); number(rows[index]); });
}

function crossings(rows) {
  let count = 0;
  for (const row of rows) {
    const ways = row.flatMap((one) => one.downs.map(({ cell, offset }) => [one.place + offset / (one.width + 1), cell.place]));
    for (let i = 0; i < ways.length; i += 1) {
      for (let j = i + 1; j < ways.length; j += 1) if ((ways[i][0] - ways[j][0]) * (ways[i][1] - ways[j][1]) < 0) count += 1;
    }
  }
  return count;
}

function settlePlaces(rows) {
  for (const row of rows) {
    let x = 0;
    for (const one of row) { one.x = x; x += one.width + GAP_X; }
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      const wish = row.map((one) => {
        const ways = down ? one.ups : one.downs;
        if (!ways.length) return one.x;
        const sum = down
          ? ways.reduce((all, { cell, offset }) => all + cell.x + offset - one.width / 2, 0)
          : ways.reduce((all, { cell, offset }) => all + cell.x + cell.width / 2 - offset, 0);
        return sum / ways.length;
      });
      nearest(row, wish);
    }
  }
  const least = Math.min(...rows.flat().map((one) => one.x));
  for (const one of rows.flat()) one.x -= least;
}

/** The places nearest to the wished ones (by least squares) that keep the order and the gaps: pooled from the left. */
function nearest(row, wish) {
  const pools = [];
  let before = 0;
  row.forEach((one, index) => {
    pools.push({ sum: wish[index] - before, count: 1 });
    before += one.width + GAP_X;
    while (pools.length > 1) {
      const [left, right] = pools.slice(-2);
      if (left.sum / left.count <= right.sum / right.count) break;
      pools.splice(-2, 2, { sum: left.sum + right.sum, count: left.count + right.count });
    }
  });
  let index = 0;
  before = 0;
  for (const pool of pools) {
    for (let n = 0; n < pool.count; n += 1) {
      row[index].x = Math.round(before + pool.sum / pool.count);
      before += row[index].width + GAP_X;
      index += 1;
    }
  }
}

function drawn(rows, byName, back, layers) {
  const heights = rows.map((row) => Math.max(24, ...row.map((one) => one.height)));
  const tops = [];
  heights.reduce((y, height, index) => { tops[index] = y; return y + height + GAP_Y; }, 0);
  const cells = new Map(rows.flat().map((one) => [one.key, one]));
  const places = new Map();
  for (const [name, layer] of layers) places.set(name, { x: cells.get(name).x, y: tops[layer], layer });
  const lines = [];
  let lane = 0;
  let leftmost = 0;
  for (const [name, layer] of layers) {
    const step = byName.get(name);
    step.ways.forEach(({ to, at }, index) => {
      if (!places.has(to)) return;
      const [x, y] = [places.get(name).x + at, places.get(name).y + step.height];
      const target = { ...places.get(to), width: byName.get(to).width, height: byName.get(to).height };
      if (back.has(id(name, index))) {
        // Around the side on which the target is the outermost of its row, so that the way runs behind no other step.
        const row = rows[target.layer];
        const left = name !== to && row.indexOf(cells.get(to)) < row.length / 2 - 0.5;
        const between = rows.slice(target.layer, layer + 1).flat();
        const shift = 18 + 9 * (lane++ % 6);
        const side = name === to ? places.get(name).x + step.width + 12
          : left ? Math.min(...between.map((one) => one.x)) - shift
            : Math.max(...between.map((one) => one.x + one.width)) + shift;
        leftmost = Math.min(leftmost, side);
        const into = target.y + target.height / 2;
        const edge = left ? target.x - 2 : target.x + target.width + 2;
        lines.push({ from: name, way: index, to, back: true,
          path: `M${x} ${y} C${x} ${y + 26} ${side} ${y + 26} ${side} ${y - 4} L${side} ${into + 14} Q${side} ${into} ${edge} ${into}` });
        return;
      }
      let path = `M${x} ${y}`;
      let [px, py] = [x, y];
      for (let row = layer + 1; row <= target.layer; row += 1) {
        const last = row === target.layer;
        const nx = last ? target.x + target.width / 2 : cells.get(`${to}\n@${row}`).x + 4;
        const ny = tops[row] - (last ? 2 : 0);
        const half = (py + ny) / 2;
        path += ` C${px} ${half} ${nx} ${half} ${nx} ${ny}`;
        if (!last) path += ` L${nx} ${tops[row] + heights[row]}`;
        [px, py] = [nx, last ? ny : tops[row] + heights[row]];
      }
      lines.push({ from: name, way: index, to, back: false, path });
    });
  }
  const all = [...places].map(([name, place]) => ({ ...place, ...byName.get(name), x: place.x, y: place.y }));
  const width = Math.max(0, ...all.map((one) => one.x + one.width)) + (lane ? 72 : 24);
  const height = Math.max(0, ...all.map((one) => one.y + one.height));
  return { places, lines, left: leftmost, width: width - leftmost, height };
}
