import type { ComponentChildren } from 'preact';
import { familyOf, matchRoute, type Route } from '../pages/routes.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { Link } from '../ui/link.tsx';
import { Chips } from './chips.tsx';

interface Props {
  title: string;
  /** What the figures below cover. */
  caption?: string;
  tools?: ComponentChildren;
  hasFilters?: boolean;
}

export function PageHead({ title, caption, tools, hasFilters = true }: Props) {
  const { path } = usePage();
  const route = matchRoute(path)?.route;
  const family = route === undefined ? [] : familyOf(route);
  return (
    <div class="page-head">
      <h1>{title}</h1>
      {family.length > 1 && <Family pages={family} current={route!} />}
      {caption !== undefined && <p class="caption">{caption}</p>}
      {tools !== undefined && <div class="panel-tools">{tools}</div>}
      {hasFilters && <Chips />}
    </div>
  );
}

/** The pages that share a place in the rail. */
function Family({ pages, current }: { pages: readonly Route[]; current: Route }) {
  const { query } = usePage();
  return (
    <nav class="family" aria-label="Pages beside this one">
      {pages.map((route) => (
        <Link
          key={route.id}
          path={route.path}
          query={sharedQuery(query)}
          class="segment"
          isCurrent={route === current}
        >
          {route.label}
        </Link>
      ))}
    </nav>
  );
}
