import { type CountryResponse, open } from 'maxmind';

/** Finds the country of an address. The address goes no further than this. */
export interface GeoLookup {
  /** ISO 3166-1 alpha-2, or '' when nobody knows. */
  country(address: string): string;
}

/** For when no database is set. */
export const nowhere: GeoLookup = { country: () => '' };

/** What databases call the country: MaxMind's and DB-IP's form, and the flat one of others. */
interface CountryRecord extends CountryResponse {
  readonly country_code?: string;
}

/**
 * Opens a database in the MaxMind format (GeoLite2 Country or City, DB-IP, IPinfo …) and keeps it in memory; a file that
 * is replaced is read again. Rejects when it is missing or no such database.
 */
export async function openGeoLookup(path: string): Promise<GeoLookup> {
  const reader = await open<CountryRecord>(path, {
    watchForUpdates: true,
    watchForUpdatesNonPersistent: true,
  });
  return {
    country(address) {
      try {
        const found = reader.get(address);
        return found?.country?.iso_code ?? found?.country_code ?? '';
      } catch {
        // No address at all, as over a unix socket.
        return '';
      }
    },
  };
}
