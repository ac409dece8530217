/**
 * Every setting, declared once: its names in the environment, what it takes, its default and what it is for. The table
 * in docs/configuration.md is printed from here.
 */
import { accessSettings } from './settings/access.ts';
import { alertSettings } from './settings/alerts.ts';
import { cacheSettings } from './settings/cache.ts';
import { catalogSettings } from './settings/catalog.ts';
import { derivedSettings } from './settings/derived.ts';
import { ingestSettings } from './settings/ingest.ts';
import { liveSettings } from './settings/live.ts';
import { logSettings } from './settings/log.ts';
import { pipelineSettings } from './settings/pipeline.ts';
import { privacySettings } from './settings/privacy.ts';
import { processSettings } from './settings/process.ts';
import type { Setting } from './settings/setting.ts';
import { storeSettings } from './settings/store.ts';
import { telemetrySettings } from './settings/telemetry.ts';

export const settings = {
  ...processSettings,
  ...accessSettings,
  ...ingestSettings,
  ...logSettings,
  ...storeSettings,
  ...catalogSettings,
  ...cacheSettings,
  ...pipelineSettings,
  ...privacySettings,
  ...liveSettings,
  ...derivedSettings,
  ...alertSettings,
  ...telemetrySettings,
} as const satisfies Record<string, Setting>;

export type Settings = typeof settings;
