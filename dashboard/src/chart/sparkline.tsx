interface Props {
  values: readonly (number | null)[];
  color: string;
  /** Draws the last stretch dashed. */
  isOpen?: boolean;
}

const WIDTH = 120;
const HEIGHT = 28;

/** A line without axes, for the shape alone; the figure above it says how much. */
export function Sparkline({ values, color, isOpen = false }: Props) {
  const top = Math.max(...values.map((value) => value ?? 0), 0);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((value, index) => {
    const y = top === 0 ? HEIGHT - 1 : HEIGHT - 1 - ((value ?? 0) / top) * (HEIGHT - 4);
    return `${(index * step).toFixed(1)} ${y.toFixed(1)}`;
  });
  const splitAt = isOpen && points.length > 2 ? points.length - 1 : points.length;
  const solid = points.slice(0, splitAt);
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      style={{ color: `var(${color})` }}
    >
      {points.length > 1 && (
        <>
          <path class="spark-area" d={`M0 ${HEIGHT}L${points.join('L')}L${WIDTH} ${HEIGHT}Z`} />
          <path class="spark-line" d={`M${solid.join('L')}`} />
          {splitAt < points.length && (
            <path class="spark-line spark-open" d={`M${points.slice(splitAt - 1).join('L')}`} />
          )}
        </>
      )}
    </svg>
  );
}
