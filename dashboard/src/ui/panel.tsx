import type { ComponentChildren } from 'preact';
import { useContext } from 'preact/hooks';
import type { ApiError } from '../data/api.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon } from './icon.tsx';

interface PanelProps {
  title: ComponentChildren;
  /** Names the panel for those who cannot see it, where the title is not text. */
  label?: string;
  tools?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

export function Panel({ title, label, tools, class: name = '', children }: PanelProps) {
  return (
    <section class={`panel ${name}`} aria-label={label ?? (typeof title === 'string' ? title : undefined)}>
      <header class="panel-head">
        {typeof title === 'string' ? <h2>{title}</h2> : title}
        {tools !== undefined && <div class="panel-tools">{tools}</div>}
      </header>
      {children}
    </section>
  );
}

interface StatesProps {
  query: { error: ApiError | null; loading: boolean; stale: boolean; data: unknown; reload(): void };
  /** What to show before the first answer; it has the size of what follows. */
  skeleton: ComponentChildren;
  /** True when the answer holds nothing to show. */
  isEmpty?: boolean;
  empty?: ComponentChildren;
  children: ComponentChildren;
}

/** The states of a panel: loading, error, empty, and the content itself, dimmed while it is being replaced. */
export function States({ query, skeleton, isEmpty = false, empty, children }: StatesProps) {
  if (query.data === null && query.error !== null)
    return <Failure error={query.error} onRetry={query.reload} />;
  if (query.data === null) {
    return (
      <div class="loading" aria-busy="true">
        {skeleton}
      </div>
    );
  }
  return (
    <div class={query.stale ? 'fresh dimmed' : 'fresh'} aria-busy={query.stale}>
      {query.error !== null && (
        <p class="stale-note" role="status">
          <Icon name="alert" size={14} /> Not refreshed: {query.error.message}{' '}
          <button type="button" class="link" onClick={query.reload}>
            Try again
          </button>
        </p>
      )}
      {isEmpty ? empty : children}
    </div>
  );
}

/** What went wrong, and what to do. */
export function Failure({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  const { api } = useContext(ServicesContext);
  const isRefused = error.status === 403;
  return (
    <div class="state state-error" role="alert">
      <Icon name="alert" size={20} />
      <p>
        <b>{error.message}</b>
        <br />
        {error.advice}
      </p>
      <button type="button" class="button" onClick={() => (isRefused ? api.locked.set(error) : onRetry())}>
        {isRefused ? 'Use another key' : 'Try again'}
      </button>
      {error.requestId !== null && <p class="muted small">Request {error.requestId}</p>}
    </div>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="state">{children}</div>;
}

/** Grey rows in the place of a list. */
export function SkeletonRows({ count }: { count: number }) {
  return (
    <div class="skeleton-rows">
      {Array.from({ length: count }, (_, index) => (
        <i key={index} class="skeleton" style={{ width: `${92 - ((index * 37) % 50)}%` }} />
      ))}
    </div>
  );
}
