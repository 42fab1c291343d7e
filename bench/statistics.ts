/** What many looks come to. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/** How a cost grows: the exponent of `cost = a × size^exponent`, between the two largest of the measured sizes. */
export function exponent(points: readonly (readonly [size: number, cost: number])[]): number {
  const [[size, cost] = [1, 1], [larger, dearer] = [1, 1]] = points.slice(-2);
  return Math.log(dearer / cost) / Math.log(larger / size);
}

export const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
export const ratio = (value: number): string => `${value.toFixed(2)} x`;
