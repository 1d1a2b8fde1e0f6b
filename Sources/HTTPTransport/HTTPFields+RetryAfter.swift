public import FoundationEssentials
public import HTTPTypes

extension HTTPFields {
    /// The wait that `Retry-After` asks for, as a number of seconds or until a date; zero for a date that has passed.
    ///
    /// `nil` without the field, and for a value that is neither. Spec: RFC 9110 section 10.2.3.
    public func retryAfter(now: Date) -> Duration? {
        guard let value = self[values: .retryAfter].first else { return nil }
        let text = value.trimmingSpaces
        if !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
            // More digits than a wait can have mean "never"; the value only needs to be larger than any deadline.
            return .seconds(Int(text.prefix(9)) ?? 0)
        }
        guard let date = httpDate(text, now: now) else { return nil }
        return .milliseconds(Swift.max((date.timeIntervalSince(now) * 1000).rounded(), 0))
    }
}

/// A date in any of the three forms that a recipient has to read.
///
/// Spec: RFC 9110 section 5.6.7.
private func httpDate(_ text: Substring, now: Date) -> Date? {
    let words = text.split { $0 == " " || $0 == "," }
    switch words.count {
    case 6 where words[5] == "GMT":  // Sun, 06 Nov 1994 08:49:37 GMT
        return date(year: number(words[3]), month: words[2], day: number(words[1]), time: words[4])
    case 4 where words[3] == "GMT":  // Sunday, 06-Nov-94 08:49:37 GMT
        let parts = words[1].split(separator: "-")
        guard parts.count == 3, let short = number(parts[2]), short < 100 else { return nil }
        func inCentury(_ century: Int) -> Date? {
            date(year: century + short, month: parts[1], day: number(parts[0]), time: words[2])
        }
        // A year that seems more than 50 years ahead is the one of the century before.
        guard let date = inCentury(2000), date.timeIntervalSince(now) > 50 * 365.25 * 86_400 else {
            return inCentury(2000)
        }
        return inCentury(1900)
    case 5:  // Sun Nov  6 08:49:37 1994
        return date(year: number(words[4]), month: words[1], day: number(words[2]), time: words[3])
    default:
        return nil
    }
}

private func date(year: Int?, month: Substring, day: Int?, time: Substring) -> Date? {
    let months: [Substring] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let clock = time.split(separator: ":").map(number)
    guard let year, let day, (1...31).contains(day), (1600...9999).contains(year),
        let monthIndex = months.firstIndex(of: month), clock.count == 3,
        let hour = clock[0], hour < 24, let minute = clock[1], minute < 60, let second = clock[2], second < 61
    else { return nil }
    let days = daysSince1970(year: year, month: monthIndex + 1, day: day)
    return Date(timeIntervalSince1970: Double(days * 86_400 + hour * 3600 + minute * 60 + second))
}

/// Days of the proleptic Gregorian calendar, counted in years that begin in March so that a leap day comes last.
private func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    let shiftedYear = month > 2 ? year : year - 1
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let leapDays = shiftedYear / 4 - shiftedYear / 100 + shiftedYear / 400
    return shiftedYear * 365 + leapDays + dayOfYear - 719_468
}

private func number(_ text: Substring) -> Int? {
    guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return Int(text)
}

extension String {
    fileprivate var trimmingSpaces: Substring {
        let start = drop { $0 == " " || $0 == "\t" }
        guard let last = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return start[...last]
    }
}
