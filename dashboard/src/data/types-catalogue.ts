import type { Video } from './types.ts';

/** Videos and keys of the catalogue, as the API answers them. */

/** As `PUT /v1/videos` takes it: what is left out is not known any more. */
export interface GivenVideo extends Video {
  season: number | null;
  episode: number | null;
  tags: string[];
  published_at: string | null;
  live: boolean;
}

export interface CatalogueVideo extends GivenVideo {
  created_at: string;
  updated_at: string;
}

export type KeyScope = 'ingest' | 'read' | 'admin';

export interface Key {
  key_id: string;
  name: string | null;
  /** The first characters of the secret. */
  prefix: string;
  scopes: KeyScope[];
  /** Null: every app. */
  apps: string[] | null;
  created_at: string;
  rotated_at: string | null;
  revoked_at: string | null;
}

/** With its secret, which is given this once. */
export interface ShownKey extends Key {
  key: string;
}
