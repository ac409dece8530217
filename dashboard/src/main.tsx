import { render } from 'preact';
import { App } from './app.tsx';
import { createApi } from './data/api.ts';
import { startLive } from './data/live.ts';
import { createLocation } from './state/location.ts';
import { type Services, ServicesContext } from './state/services.ts';
import { createStore } from './state/store.ts';
import { createTheme } from './state/theme.ts';

const REFRESH_EVERY_MS = 30_000;

/** Private windows may forbid storage; the dashboard then forgets its theme and key, no more. */
function openStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

function liveAddress(credential: string | null): string {
  const scheme = window.location.protocol === 'https:' ? 'wss' : 'ws';
  const key = credential === null ? '' : `?api_key=${encodeURIComponent(credential)}`;
  return `${scheme}://${window.location.host}/ws${key}`;
}

const storage = openStorage();
const api = createApi(window.fetch.bind(window), storage);
const refresh = createStore(0);
const services: Services = {
  api,
  // Whoever has to sign in first is let in nowhere.
  live: startLive(() => (api.locked.get() === null ? liveAddress(api.credential) : null)),
  location: createLocation(),
  theme: createTheme(storage),
  storage,
  refresh,
};

const renew = (): void => {
  if (!document.hidden) refresh.set(refresh.get() + 1);
};
setInterval(renew, REFRESH_EVERY_MS);
document.addEventListener('visibilitychange', renew);

render(
  <ServicesContext.Provider value={services}>
    <App />
  </ServicesContext.Provider>,
  document.getElementById('app')!,
);
