/** Go's texts of float64 (strconv.FormatFloat): shortest, or rounded half to even from the exact value. */

interface Decimal {
  /** Significant digits without leading zeros; "0" for zero. */
  readonly digits: string;
  /** Where the decimal point stands: 0.DIGITS × 10^point. */
  readonly point: number;
}

function shortest(value: number): Decimal {
  if (value === 0) return { digits: "0", point: 1 };
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e");
  return { digits: mantissa.replace(".", ""), point: Number(exponent) + 1 };
}

/** The shortest text that gives the same float32. */
function shortest32(value: number): Decimal {
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return shortest(Number(text));
  }
  return shortest(value);
}

const view = new DataView(new ArrayBuffer(8));

/** mantissa × 2^exponent = value, for a finite value ≥ 0. */
function parts(value: number): { readonly mantissa: bigint; readonly exponent: number } {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const raw = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  return raw === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | (1n << 52n), exponent: raw - 1075 };
}

/** Every digit of the value. */
function exact(value: number): Decimal {
  if (value === 0) return { digits: "0", point: 1 };
  const { mantissa, exponent } = parts(value);
  if (exponent >= 0) {
    const digits = (mantissa << BigInt(exponent)).toString();
    return { digits, point: digits.length };
  }
  const digits = (mantissa * 5n ** BigInt(-exponent)).toString();
  return { digits, point: digits.length + exponent };
}

/** Keeps `count` digits, half to even. */
function round(decimal: Decimal, count: number): Decimal {
  const { digits, point } = decimal;
  if (count < 0) return { digits: "0", point: 1 };
  if (digits.length <= count) return decimal;
  const kept = digits.slice(0, count);
  const next = digits.charCodeAt(count) - 48;
  const tail = /[1-9]/.test(digits.slice(count + 1));
  const odd = count > 0 && (kept.charCodeAt(count - 1) - 48) % 2 === 1;
  const up = next > 5 || (next === 5 && (tail || odd));
  if (!up) return count === 0 ? { digits: "0", point: 1 } : { digits: kept, point };
  const raised = (BigInt(kept === "" ? "0" : kept) + 1n).toString();
  return raised.length > count ? { digits: raised, point: point + 1 } : { digits: raised, point };
}

function exponentText(letter: string, exponent: number): string {
  const size = Math.abs(exponent).toString().padStart(2, "0");
  return `${letter}${exponent < 0 ? "-" : "+"}${size}`;
}

function inExponents(decimal: Decimal, precision: number, letter: string): string {
  const { digits, point } = decimal;
  const padded = digits.padEnd(precision + 1, "0");
  const exponent = digits === "0" ? 0 : point - 1;
  return `${padded.charAt(0)}${precision > 0 ? `.${padded.slice(1, precision + 1)}` : ""}${exponentText(letter, exponent)}`;
}

function plain(decimal: Decimal, precision: number): string {
  const { digits, point } = decimal;
  const zero = digits === "0";
  const whole = point > 0 && !zero ? digits.slice(0, point).padEnd(point, "0") : "0";
  if (precision <= 0) return whole;
  const part = zero ? "" : point > 0 ? digits.slice(point) : "0".repeat(-point) + digits;
  return `${whole}.${part.slice(0, precision).padEnd(precision, "0")}`;
}

function binary(value: number): string {
  const { mantissa, exponent } = parts(value);
  return `${mantissa}p${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`;
}

function hexadecimal(value: number, precision: number, letter: "x" | "X"): string {
  const upper = letter === "X";
  let { mantissa, exponent } = parts(value);
  if (mantissa === 0n) exponent = 0;
  else {
    // One hexadecimal digit before the point, 60 bits after it.
    while (mantissa >> 60n === 0n) {
      mantissa <<= 1n;
      exponent -= 1;
    }
    if (precision >= 0 && precision < 15) {
      const shift = BigInt(60 - precision * 4);
      const rest = mantissa & ((1n << shift) - 1n);
      const half = 1n << (shift - 1n);
      mantissa >>= shift;
      if (rest > half || (rest === half && (mantissa & 1n) === 1n)) mantissa += 1n;
      mantissa <<= shift;
      if (mantissa >> 61n !== 0n) {
        mantissa >>= 1n;
        exponent += 1;
      }
    }
    exponent += 60;
  }
  let digits = (mantissa & ((1n << 60n) - 1n)).toString(16).padStart(15, "0");
  digits = precision < 0 ? digits.replace(/0+$/, "") : digits.slice(0, precision).padEnd(precision, "0");
  const text = `0x${mantissa >> 60n}${digits === "" ? "" : `.${digits}`}${exponentText("p", exponent)}`;
  return upper ? text.toUpperCase() : text;
}

/**
 * strconv.FormatFloat.
 *
 * @param precision -1 for the shortest text that reads back as the same number
 */
export function formatFloat(value: number, verb: string, precision: number, bits: 32 | 64 = 64): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  if (verb === "b") return sign + binary(size);
  if (verb === "x" || verb === "X") return sign + hexadecimal(size, precision, verb);
  const least = precision < 0;
  const decimal = least ? (bits === 32 ? shortest32(size) : shortest(size)) : exact(size);
  switch (verb) {
    case "e":
    case "E": {
      const digits = least ? decimal.digits.length - 1 : precision;
      return sign + inExponents(least ? decimal : round(decimal, digits + 1), digits, verb);
    }
    case "f":
    case "F": {
      const digits = least ? Math.max(decimal.digits.length - decimal.point, 0) : precision;
      return sign + plain(least ? decimal : round(decimal, decimal.point + precision), digits);
    }
    default: {
      const wanted = least ? decimal.digits.length : precision === 0 ? 1 : precision;
      const rounded = least ? decimal : trimZeros(round(decimal, wanted));
      const count = rounded.digits.length;
      let limit = least ? 6 : wanted;
      if (!least && limit > count && count >= rounded.point) limit = count;
      const exponent = rounded.digits === "0" ? 0 : rounded.point - 1;
      if (exponent < -4 || exponent >= limit) {
        return sign + inExponents(rounded, count - 1, verb === "G" ? "E" : "e");
      }
      return sign + plain(rounded, Math.max(count - rounded.point, 0));
    }
  }
}

function trimZeros(decimal: Decimal): Decimal {
  const digits = decimal.digits.replace(/0+$/, "");
  return digits === "" ? { digits: "0", point: 1 } : { digits, point: decimal.point };
}
