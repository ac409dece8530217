import { HttpProblem } from '../http/problem.ts';

/**
 * The apps that a question covers: those that the lists name (with commas), else all that are allowed; null is every app
 * there is. Throws `app_forbidden` when one is named that is not allowed.
 */
export function chooseApps(
  lists: readonly string[],
  allowed: readonly string[] | null,
): readonly string[] | null {
  const named = lists.flatMap((list) => list.split(',')).map((app) => app.trim());
  const apps = [...new Set(named.filter((app) => app !== ''))].sort();
  if (apps.length === 0) return allowed;
  const foreign = allowed === null ? undefined : apps.find((app) => !allowed.includes(app));
  if (foreign === undefined) return apps;
  throw new HttpProblem('app_forbidden', `The credential does not cover the app ${JSON.stringify(foreign)}.`);
}
