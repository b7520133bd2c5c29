/** The one place that reads the process environment. Everything else is handed values. */
export interface Environment {
  readonly get: (name: string) => string | undefined;
}

export function processEnvironment(): Environment {
  return { get: (name) => process.env[name] };
}
