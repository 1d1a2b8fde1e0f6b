public import FoundationEssentials

/// A point in time as Kubernetes writes it in most places: RFC 3339, whole seconds when written, any fraction when read.
public struct Timestamp: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
    /// The point in time.
    public var date: Date

    /// Wraps a point in time.
    public init(_ date: Date) { self.date = date }

    /// Reads RFC 3339 text; `nil` for anything else.
    ///
    /// Spec: RFC 3339 section 5.6.
    public init?(_ text: String) {
        guard let date = RFC3339.date(text) else { return nil }
        self.date = date
    }

    /// RFC 3339 in UTC with whole seconds, such as `2026-11-22T09:22:35Z`.
    public var description: String { RFC3339.text(date, fractionDigits: 0) }

    /// Reads RFC 3339 text.
    public init(from decoder: any Decoder) throws {
        date = try RFC3339.decode(from: decoder)
    }

    /// Writes ``description``.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// Earlier before later.
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.date < right.date }
}

/// A point in time in a Lease: RFC 3339 with exactly six digits of fraction, without which the API server refuses it.
public struct MicroTime: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
    /// The point in time, to the microsecond.
    public var date: Date

    /// Wraps a point in time.
    public init(_ date: Date) { self.date = date }

    /// RFC 3339 in UTC with microseconds, such as `2026-11-22T09:30:00.123456Z`.
    public var description: String { RFC3339.text(date, fractionDigits: 6) }

    /// Reads RFC 3339 text, with a fraction or without.
    public init(from decoder: any Decoder) throws {
        date = try RFC3339.decode(from: decoder)
    }

    /// Writes ``description``.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// Earlier before later.
    public static func < (left: MicroTime, right: MicroTime) -> Bool { left.date < right.date }
}

/// Dates of the internet.
///
/// Spec: RFC 3339 section 5.6, years 0001 to 9999.
enum RFC3339 {
    static func decode(from decoder: any Decoder) throws -> Date {
        let container = try decoder.singleValueContainer()
        guard let date = date(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an RFC 3339 time")
        }
        return date
    }

    static func date(_ text: String) -> Date? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 45, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: "t"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = number(bytes[0..<4], in: 1...9999), let month = number(bytes[5..<7], in: 1...12),
            let day = number(bytes[8..<10], in: 1...length(ofMonth: month, year: year)),
            let hour = number(bytes[11..<13], in: 0...23), let minute = number(bytes[14..<16], in: 0...59),
            // A leap second reads as the first of the next minute.
            let second = number(bytes[17..<19], in: 0...60)
        else { return nil }

        var rest = bytes[19...]
        var fraction = 0.0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty, let value = Double("0." + String(decoding: digits, as: UTF8.self)) else {
                return nil
            }
            fraction = value
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = offset(Array(rest)) else { return nil }
        let seconds = days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        return Date(timeIntervalSince1970: Double(seconds) + fraction)
    }

    static func text(_ date: Date, fractionDigits: Int) -> String {
        // Counted in the smallest unit that is written, so that rounding up carries into the seconds.
        let unit = (0..<fractionDigits).reduce(1) { power, _ in power * 10 }
        let earliest = Double(days(year: 1, month: 1, day: 1)) * 86_400
        let latest = Double(days(year: 9999, month: 12, day: 31)) * 86_400 + 86_399
        let bounded = min(max(date.timeIntervalSince1970, earliest), latest)
        let scaled = bounded * Double(unit)
        let units = Int(fractionDigits == 0 ? scaled.rounded(.down) : scaled.rounded())
        let (seconds, fraction) = units.quotientAndRemainder(flooringBy: unit)
        let (day, second) = seconds.quotientAndRemainder(flooringBy: 86_400)
        let civil = civil(days: day)
        let time = [second / 3600, second / 60 % 60, second % 60].map { padded($0, 2) }.joined(separator: ":")
        let tail = fractionDigits == 0 ? "" : "." + padded(fraction, fractionDigits)
        return "\(padded(civil.year, 4))-\(padded(civil.month, 2))-\(padded(civil.day, 2))T\(time)\(tail)Z"
    }

    private static func number(_ digits: ArraySlice<UInt8>, in range: ClosedRange<Int>) -> Int? {
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let value = Int(String(decoding: digits, as: UTF8.self)), range.contains(value)
        else { return nil }
        return value
    }

    private static func offset(_ bytes: [UInt8]) -> Int? {
        if bytes == [UInt8(ascii: "Z")] || bytes == [UInt8(ascii: "z")] { return 0 }
        guard bytes.count == 6, bytes[3] == UInt8(ascii: ":"), let hours = number(bytes[1..<3], in: 0...23),
            let minutes = number(bytes[4..<6], in: 0...59)
        else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "+"): return hours * 3600 + minutes * 60
        case UInt8(ascii: "-"): return -(hours * 3600 + minutes * 60)
        default: return nil
        }
    }

    private static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.quotientAndRemainder(flooringBy: 400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = era.remainder * 365 + era.remainder / 4 - era.remainder / 100 + dayOfYear
        return era.quotient * 146_097 + dayOfEra - 719_468
    }

    private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        let era = (days + 719_468).quotientAndRemainder(flooringBy: 146_097)
        let dayOfEra = era.remainder
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era.quotient * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Int {
    fileprivate func quotientAndRemainder(flooringBy divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
