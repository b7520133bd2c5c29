/** How many requests one step sends side by side. */
const AT_ONCE = 16;

/** What came of acting on each of several things. */
export interface Acted<T, R> {
  readonly done: readonly { readonly item: T; readonly result: R }[];
  /** What was thrown for the others. */
  readonly faults: readonly unknown[];
}

/** Acts on all of them, a few at a time; one that fails holds up no other. */
export async function someAtOnce<T, R>(
  items: readonly T[],
  act: (item: T) => Promise<R>,
): Promise<Acted<T, R>> {
  const done: { item: T; result: R }[] = [];
  const faults: unknown[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    const some = items.slice(at, at + AT_ONCE);
    const results = await Promise.allSettled(some.map((item) => act(item)));
    for (const [index, item] of some.entries()) {
      const result = results[index];
      if (result?.status === "fulfilled") done.push({ item, result: result.value });
      else faults.push(result?.reason);
    }
  }
  return { done, faults };
}
