import type { ComponentChildren } from 'preact';
import { Chips } from './chips.tsx';

interface Props {
  title: string;
  /** What the figures below cover. */
  caption?: string;
  tools?: ComponentChildren;
  hasFilters?: boolean;
}

export function PageHead({ title, caption, tools, hasFilters = true }: Props) {
  return (
    <div class="page-head">
      <h1>{title}</h1>
      {caption !== undefined && <p class="caption">{caption}</p>}
      {tools !== undefined && <div class="panel-tools">{tools}</div>}
      {hasFilters && <Chips />}
    </div>
  );
}
