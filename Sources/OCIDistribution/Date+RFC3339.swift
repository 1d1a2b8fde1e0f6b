internal import FoundationEssentials

extension Date {
    /// Reads an RFC 3339 date and time, with a fraction of a second of any length and an offset; `nil` for anything
    /// else.
    ///
    /// Spec: RFC 3339 section 5.6.
    init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int? {
            guard range.upperBound <= bytes.count, bytes[range].allSatisfy(\.isASCIIDigit) else { return nil }
            return Int(String(decoding: bytes[range], as: UTF8.self))
        }
        func has(_ characters: String, at index: Int) -> Bool {
            index < bytes.count && characters.utf8.contains(bytes[index])
        }

        guard let year = number(0..<4), has("-", at: 4), let month = number(5..<7), (1...12).contains(month),
            has("-", at: 7), let day = number(8..<10), (1...31).contains(day), has("Tt ", at: 10),
            let hour = number(11..<13), hour < 24, has(":", at: 13), let minute = number(14..<16), minute < 60,
            has(":", at: 16), let second = number(17..<19), second < 61
        else { return nil }
        var index = 19
        var fraction = 0.0
        if has(".", at: index) {
            let digits = bytes[(index + 1)...].prefix(while: \.isASCIIDigit)
            guard !digits.isEmpty, let value = Double("0." + String(decoding: digits, as: UTF8.self)) else {
                return nil
            }
            fraction = value
            index = digits.endIndex
        }
        var offset = 0
        if has("Zz", at: index) {
            index += 1
        } else if has("+-", at: index), let hours = number(index + 1..<index + 3), hours < 24, has(":", at: index + 3),
            let minutes = number(index + 4..<index + 6), minutes < 60
        {
            offset = (hours * 3600 + minutes * 60) * (has("-", at: index) ? -1 : 1)
            index += 6
        } else {
            return nil
        }
        guard index == bytes.count else { return nil }
        // Days of the proleptic Gregorian calendar, in years that begin in March so that the leap day comes last.
        let shifted = month > 2 ? year : year - 1
        let days =
            shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + (153 * ((month + 9) % 12) + 2) / 5 + day
            - 719_469
        self.init(
            timeIntervalSince1970: Double(days * 86_400 + hour * 3600 + minute * 60 + second - offset) + fraction)
    }
}
