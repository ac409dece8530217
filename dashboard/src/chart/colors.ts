/** Canvas knows no custom properties, so their present values are read off a probe element. */
export function readColor(name: string, alpha = 1): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  probe.style.display = 'none';
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  if (alpha === 1) return color;
  const parts = /rgba?\(([\d.]+),? ([\d.]+),? ([\d.]+)/.exec(color);
  return parts === null ? color : `rgba(${parts[1]}, ${parts[2]}, ${parts[3]}, ${alpha})`;
}

/** Colours of the lines of a breakdown, in the order they are given out; told apart by the colour-blind too. */
export const SERIES_COLORS = [
  '--series-blue',
  '--series-amber',
  '--series-green',
  '--series-pink',
  '--series-sky',
  '--series-red',
] as const;
