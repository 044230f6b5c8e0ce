/** A ratio as a percentage with at most three decimals. It is cut, not rounded: only what is whole reads `100 %`. */
export function percent(ratio: number): string {
  const cut = Math.floor(ratio * 100_000 + 1e-6) / 1000;
  return `${cut.toLocaleString('en', { maximumFractionDigits: 3 })} %`;
}

/** A count with thousands apart. */
export const count = (n: number): string => n.toLocaleString('en');
