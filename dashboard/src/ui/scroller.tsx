import type { ComponentChildren } from 'preact';

interface Props {
  label: string;
  class?: string;
  height?: number;
  children: ComponentChildren;
}

/** A part that scrolls by itself. It takes the focus, so that the arrow keys can scroll it. */
export function Scroller({ label, class: name, height, children }: Props) {
  return (
    <section
      class={name}
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: without it the keyboard cannot scroll in Safari
      tabIndex={0}
      style={height === undefined ? undefined : { height: `${height}px` }}
    >
      {children}
    </section>
  );
}
