import FoundationEssentials
import HTTPTransport
import HTTPTypes
import Testing

@Suite struct RetryAfterTests {
    /// 1994-11-06T08:49:37Z, the moment of the specification's examples.
    private let moment = Date(timeIntervalSince1970: 784_111_777)

    @Test(arguments: [
        ("0", 0), ("120", 120), (" 5 ", 5), ("99999999999999999999", 999_999_999),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10), ("Sunday, 06-Nov-94 08:49:47 GMT", 10), ("Sun Nov  6 08:49:47 1994", 10),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0), ("Sat, 05 Nov 1994 08:49:37 GMT", 0),
        ("Mon, 07 Nov 1994 08:49:37 GMT", 86_400), ("Thu, 29 Feb 1996 00:00:00 GMT", 41_440_223),
        ("Friday, 31-Dec-99 23:59:59 GMT", 162_573_022),
    ])
    func bothFormsAreRead(_ value: String, _ seconds: Int) {
        #expect(HTTPFields([HTTPField(name: .retryAfter, value: value)]).retryAfter(now: moment) == .seconds(seconds))
    }

    @Test(arguments: [
        "", "soon", "-1", "1.5", "+1", "0x1", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 0849 GMT", "Sun, 06 Nov 19944 08:49:37 GMT",
    ])
    func anythingElseIsNone(_ value: String) {
        #expect(HTTPFields([HTTPField(name: .retryAfter, value: value)]).retryAfter(now: moment) == nil)
    }

    @Test func absentFieldIsNone() {
        #expect(HTTPFields().retryAfter(now: moment) == nil)
    }

    /// The last day of every month of four centuries, counted one after the other.
    @Test func daysAreCountedRight() {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let start = Date(timeIntervalSince1970: 0)
        var days = 0
        var wrong: [String] = []
        for year in 1970..<2370 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for (index, month) in months.enumerated() {
                let length = lengths[index] + (isLeap && index == 1 ? 1 : 0)
                let value = "Xxx, \(length < 10 ? "0" : "")\(length) \(month) \(year) 00:00:00 GMT"
                let fields = HTTPFields([HTTPField(name: .retryAfter, value: value)])
                if fields.retryAfter(now: start) != .seconds((days + length - 1) * 86_400) { wrong.append(value) }
                days += length
            }
        }
        #expect(wrong == [])
    }
}
