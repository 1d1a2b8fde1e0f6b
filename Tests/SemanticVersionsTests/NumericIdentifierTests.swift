import SemanticVersions
import Testing

@Suite struct NumericIdentifierTests {
    @Test(arguments: ["0", "1", "9", "10", "18446744073709551615", "18446744073709551616", "99999999999999999999999"])
    func `digits of any length are kept as written`(digits: String) throws {
        let number = try #require(NumericIdentifier(digits))
        #expect(number.description == digits)
    }

    @Test(arguments: ["", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "x", "١", "1\u{301}"])
    func `anything but digits without a leading zero is refused`(text: String) {
        #expect(NumericIdentifier(text) == nil)
    }

    @Test(arguments: [
        ("0", "1"), ("8", "9"), ("9", "10"), ("19", "20"), ("99", "100"), ("1099", "1100"),
        ("18446744073709551615", "18446744073709551616"),
        ("99999999999999999999999", "100000000000000000000000"),
    ])
    func `incrementing carries, also beyond 64 bits`(digits: String, following: String) throws {
        let number = try #require(NumericIdentifier(digits))
        #expect(number.incremented.digits == following)
        #expect(number < number.incremented)
        #expect(!(number.incremented < number))
    }

    @Test func `numbers are ordered by value, not by text`() {
        #expect([10, 9, 100, 0, 2].sorted() as [NumericIdentifier] == [0, 2, 9, 10, 100])
    }

    @Test func `only zero is zero`() {
        #expect(NumericIdentifier(0).isZero)
        #expect(!NumericIdentifier(10).isZero)
    }
}
