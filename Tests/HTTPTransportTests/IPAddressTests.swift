import HTTPTransport
import Testing

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("192.0.2.1", [192, 0, 2, 1], "192.0.2.1"),
        ("0.0.0.0", [0, 0, 0, 0], "0.0.0.0"),
        ("::1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "::1"),
        ("FD00:EC2:0:0::254", [0xfd, 0, 0xe, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54], "fd00:ec2::254"),
        // Mapped into IPv6, in both spellings: the IPv4 address that it is.
        ("::ffff:169.254.169.254", [169, 254, 169, 254], "169.254.169.254"),
        ("::ffff:a9fe:a9fe", [169, 254, 169, 254], "169.254.169.254"),
        // Neither mapped nor IPv4.
        (
            "64:ff9b::a9fe:a9fe", [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 169, 254, 169, 254],
            "64:ff9b::a9fe:a9fe"
        ),
    ])
    func addressIsReadAndShown(text: String, bytes: [UInt8], shown: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.bytes == bytes)
        #expect(address.description == shown)
        #expect(address == IPAddress(bytes: bytes))
        #expect(address == IPAddress(shown))
    }

    @Test(arguments: [
        "", "127.1", "2130706433", "0x7f000001", "127.0.0.1.", " 127.0.0.1", "127.0.0.256", "[::1]", "fe80::1%eth0",
        "1:2:3", "localhost", "127.0.0.1\0.example",
    ])
    func whatIsNoAddressIsNotRead(text: String) { #expect(IPAddress(text) == nil) }

    @Test(arguments: [0, 3, 5, 15, 17]) func noOtherNumberOfBytesIsAnAddress(count: Int) {
        #expect(IPAddress(bytes: Array(repeating: 1, count: count)) == nil)
    }
}
