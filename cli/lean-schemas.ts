import * as z from "zod";

// Imported before any schema is made. By default zod writes and compiles a parser for each object schema at its first use, which pays after hundreds
// of uses; a process that may live for one event uses most once.
z.config({ jitless: true });
