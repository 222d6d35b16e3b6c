/** The few operations of shopspring/decimal that sprig's float arithmetic uses: coefficient × 10^exponent. */
import { GoError } from "../value.ts";

export interface Decimal {
  readonly coefficient: bigint;
  readonly exponent: number;
}

/** The shortest decimal that reads as this float. */
export function decimalOf(value: number): Decimal {
  if (!Number.isFinite(value)) {
    const name = Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
    throw new GoError(`Cannot create a Decimal from ${name}`);
  }
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:e([+-][0-9]+))?$/.exec(String(value));
  const [, sign = "", whole = "0", fraction = "", exponent = "0"] = match ?? [];
  return { coefficient: BigInt(sign + whole + fraction), exponent: Number(exponent) - fraction.length };
}

/** The nearest float. */
export function decimalToFloat({ coefficient, exponent }: Decimal): number {
  return Number(`${coefficient}e${exponent}`);
}

function scaled({ coefficient, exponent }: Decimal, to: number): bigint {
  return coefficient * 10n ** BigInt(exponent - to);
}

export function plus(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent);
  return { coefficient: scaled(a, exponent) + scaled(b, exponent), exponent };
}

export function minus(a: Decimal, b: Decimal): Decimal {
  return plus(a, { coefficient: -b.coefficient, exponent: b.exponent });
}

export function times(a: Decimal, b: Decimal): Decimal {
  return { coefficient: a.coefficient * b.coefficient, exponent: a.exponent + b.exponent };
}

const PLACES = 16;

/** Rounded half away from zero to sixteen places, as decimal.DivisionPrecision says. */
export function divide(a: Decimal, b: Decimal): Decimal {
  if (b.coefficient === 0n) throw new GoError("decimal division by 0");
  const shift = a.exponent - b.exponent + PLACES;
  const top = a.coefficient * 10n ** BigInt(Math.max(shift, 0));
  const bottom = b.coefficient * 10n ** BigInt(Math.max(-shift, 0));
  let quotient = top / bottom;
  const rest = top % bottom;
  const size = (value: bigint): bigint => (value < 0n ? -value : value);
  if (size(rest) * 2n >= size(bottom)) quotient += top < 0n === bottom < 0n ? 1n : -1n;
  return { coefficient: quotient, exponent: -PLACES };
}
