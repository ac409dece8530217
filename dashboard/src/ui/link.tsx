import type { ComponentChildren } from 'preact';
import { useContext } from 'preact/hooks';
import { spell } from '../state/location.ts';
import { ServicesContext } from '../state/services.ts';

interface Props {
  path: string;
  query?: URLSearchParams;
  class?: string;
  label?: string;
  isCurrent?: boolean;
  children: ComponentChildren;
}

/** A link inside the dashboard: an honest address that opens without loading the page anew. */
export function Link({
  path,
  query = new URLSearchParams(),
  class: name,
  label,
  isCurrent,
  children,
}: Props) {
  const { location } = useContext(ServicesContext);
  return (
    <a
      href={spell(path, query)}
      class={name}
      aria-label={label}
      title={label}
      aria-current={isCurrent === true ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        location.go(path, query);
      }}
    >
      {children}
    </a>
  );
}
