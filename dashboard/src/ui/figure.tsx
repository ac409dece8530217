import type { ComponentChildren } from 'preact';
import { Sparkline } from '../chart/sparkline.tsx';
import { change } from '../format/number.ts';

interface Props {
  label: string;
  /** Null while it is not known. */
  value: number | null;
  short(value: number): string;
  full(value: number): string;
  /** What the figure means, in a few words. */
  help: string;
  /** The same figure in the period before; undefined where nothing is compared. */
  before?: number | null;
  lessIsBetter?: boolean;
  spark?: readonly (number | null)[];
  color: string;
  isOpen?: boolean;
  isLoading?: boolean;
  isDimmed?: boolean;
  /** Makes the figure a button that picks what the chart below shows. */
  onPick?: () => void;
  isPicked?: boolean;
  children?: ComponentChildren;
}

/** One figure: what, how much, how it changed, its shape over time. */
export function Figure(props: Props) {
  const { label, value, onPick, isPicked = false, isLoading = false, isDimmed = false } = props;
  const inside = (
    <>
      <span class="figure-label" title={props.help}>
        {onPick !== undefined && <i class="key" style={{ '--key': `var(${props.color})` }} />}
        <span class="cut">{label}</span>
        <Change {...props} />
      </span>
      <span class="figure-line">
        {isLoading ? (
          <i class="skeleton figure-skeleton" />
        ) : (
          <span
            class={value === null ? 'figure-value figure-unknown' : 'figure-value'}
            data-figure={label}
            title={value === null ? 'not known' : props.full(value)}
          >
            {value === null ? '–' : <Amount text={props.short(value)} />}
          </span>
        )}
      </span>
      {props.children}
      {props.spark !== undefined && (
        <Sparkline values={props.spark} color={props.color} isOpen={props.isOpen ?? false} />
      )}
    </>
  );
  const name = `figure${isDimmed ? ' dimmed' : ''}${isPicked ? ' figure-picked' : ''}`;
  if (onPick === undefined) return <div class={name}>{inside}</div>;
  return (
    <button type="button" class={name} aria-pressed={isPicked} onClick={onPick}>
      {inside}
    </button>
  );
}

/** Units are smaller than what they count; a narrow space stands before each. */
function Amount({ text }: { text: string }) {
  return (
    <>
      {text.split(/(\u202f[^\s\d]+)/).map((part, index) =>
        index % 2 === 0 ? (
          part
        ) : (
          <span key={part} class="figure-unit">
            {part}
          </span>
        ),
      )}
    </>
  );
}

function Change({ value, before, full, lessIsBetter = false }: Props) {
  if (before === undefined) return null;
  const figure = change(value, before);
  if (figure === null) {
    return before === 0 && value !== null && value > 0 ? (
      <span class="change" title="Nothing in the period before">
        new
      </span>
    ) : null;
  }
  const good =
    figure.direction === 'same' ? 'same' : (figure.direction === 'up') !== lessIsBetter ? 'good' : 'bad';
  return (
    <span class={`change change-${good}`} title={`${full(before ?? 0)} in the period before`}>
      <span aria-hidden="true">
        {figure.direction === 'up' ? '▲' : figure.direction === 'down' ? '▼' : '='}
      </span>{' '}
      {figure.text}
      <span class="sr-only"> ({figure.words} against the period before)</span>
    </span>
  );
}
