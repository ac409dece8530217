/** Seed 001's complete example as it is printed, with a current date. */
export const createOctaneExample = () => ({
  app_id: 'openstream',
  event_name: 'video_buffering',
  user_id: 'user_550e8400',
  timestamp: new Date().toISOString(),
  properties: {
    stream_id: 'st-998877',
    buffer_duration_ms: 1500,
    network_type: '5g',
    client_version: '1.2.0',
  },
});
