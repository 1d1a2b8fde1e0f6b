import HTTPTransport
import HTTPTransportTesting
import OCIDistribution
import Testing

/// What registries do that cannot be had here, played back; each row says whose behavior it is.
@Suite struct TagListingTests {
    private typealias Exchange = ScriptedTransport.Exchange
    private static let list = "https://r.io/v2/webapp/app/tags/list"
    private static let json = [("Content-Type", "application/json")]

    private func tags(
        _ exchanges: [Exchange], adjusting adjust: (inout RegistryClient.Configuration) -> Void = { _ in }
    ) async throws -> TagListing {
        let transport = ScriptedTransport(exchanges)
        let fixture = try Fixture(transport, adjusting: adjust)
        do {
            let listing = try await fixture.client.tags(of: app)
            try transport.verify()
            return listing
        } catch {
            try transport.verify()
            throw error
        }
    }

    private func error(
        _ exchanges: [Exchange], adjusting adjust: (inout RegistryClient.Configuration) -> Void = { _ in }
    ) async throws -> RegistryError {
        try #require(await #expect(throws: RegistryError.self) { try await tags(exchanges, adjusting: adjust) })
    }

    private func page(_ tags: [String], next: String? = nil) -> Exchange { page(Self.list, tags, next: next) }

    private func page(_ url: String, _ tags: [String], next: String? = nil) -> Exchange {
        let body = #"{"name": "webapp/app", "tags": [\#(tags.map { "\"\($0)\"" }.joined(separator: ", "))]}"#
        return Exchange(
            "GET", url,
            answer: .response(status: 200, headers: Self.json + (next.map { [("Link", $0)] } ?? []), body: body))
    }

    private func failure(_ status: Int, _ body: String, url: String = list, headers: [(String, String)] = [])
        -> Exchange
    {
        Exchange("GET", url, answer: .response(status: status, headers: headers, body: body))
    }

    // MARK: Pages

    @Test func aRegistryWithoutPagesIsAskedOnceAndForNoNumber() async throws {
        let listing = try await tags([page(["v1.10.0", "v1.9.0", "latest"])])
        #expect(listing.tags.map(\.name) == ["v1.10.0", "v1.9.0", "latest"])
        #expect(listing.ignored == 0)
    }

    @Test(arguments: [
        // Distribution 2 and 3: relative. ECR: absolute with an opaque cursor. Quay: its own parameter. Artifactory: a
        // number.
        (#"</v2/webapp/app/tags/list?last=b&n=2>; rel="next""#, "\(list)?last=b&n=2"),
        (
            #"<https://r.io/v2/webapp/app/tags/list?last=ukD72mdD%2FmC8b5xV3susmJzzaTgp3hKwR9nRUW1yZZ6dLc5kfZtKLT2ICo63%3D>; rel="next""#,
            "\(list)?last=ukD72mdD%2FmC8b5xV3susmJzzaTgp3hKwR9nRUW1yZZ6dLc5kfZtKLT2ICo63%3D"
        ),
        (#"<https://R.IO:443/v2/webapp/app/tags/list?x=1>; rel=next"#, "\(list)?x=1"),
        (#"</v2/webapp/app/tags/list?n=50&next_page=gAAAAABc>; rel="next""#, "\(list)?n=50&next_page=gAAAAABc"),
        (#"<list?last=10000&n=100>; rel="next""#, "\(list)?last=10000&n=100"),
        (#"<?last=b>; rel="next""#, "\(list)?last=b"),
        (#"<//r.io/v2/webapp/app/tags/list?last=b>; rel="next""#, "\(list)?last=b"),
        (#"</first>; rel="first", </v2/webapp/app/tags/list?last=a,b>; rel="next""#, "\(list)?last=a,b"),
    ])
    func pagesAreFollowedByTheirLinkVerbatim(link: String, second: String) async throws {
        let listing = try await tags([page(["a", "b"], next: link), page(second, ["c"])])
        #expect(listing.tags.map(\.name) == ["a", "b", "c"])
    }

    @Test func shortAndEmptyPagesAreNotTheEndAndTagsCountOnce() async throws {
        let listing = try await tags([
            page(["a"], next: "<?last=a>; rel=next"),
            page("\(Self.list)?last=a", [], next: "<?last=b>; rel=next"),
            page("\(Self.list)?last=b", ["b", "a", "b"], next: "<?last=c>; rel=next"),
            // Distribution 3.1.1: an exactly full last page links to one more that is null.
            Exchange(
                "GET", "\(Self.list)?last=c",
                answer: .response(status: 200, body: #"{"name": "webapp/app", "tags": null}"#)),
        ])
        #expect(listing.tags.map(\.name) == ["a", "b"])
    }

    @Test(arguments: [
        #"{"name": "webapp/app", "tags": null}"#, #"{"name": "webapp/app"}"#, #"{"name": "webapp/app", "tags": []}"#,
        #"{"tags": null}"#, #"{"name": 7, "tags": [], "more": {"a": 1}}"#,
    ])
    func nullAbsentAndEmptyTagsAreAnEmptyListing(body: String) async throws {
        #expect(try await tags([failure(200, body)]) == TagListing(tags: []))
    }

    @Test func theNameInTheBodyIsNotComparedBecauseMirrorsWriteTheirOwn() async throws {
        #expect(try await tags([failure(200, #"{"name": "library/app", "tags": ["a"]}"#)]).tags.count == 1)
    }

    @Test func namesThatAreNoTagsAreCountedAndLeftOut() async throws {
        let listing = try await tags([page(["v1.0.0", "v1.0.0+build", "", "-x", "a b", "v2"])])
        #expect(listing.tags.map(\.name) == ["v1.0.0", "v2"])
        #expect(listing.ignored == 4)
    }

    // MARK: What breaks a chain is an error as a whole

    @Test(arguments: [
        "<http://r.io/v2/webapp/app/tags/list?last=b>; rel=next",
        "<https://inner:5000/v2/webapp/app/tags/list?last=b>; rel=next",
        "<https://r.io:8443/v2/webapp/app/tags/list?last=b>; rel=next", "<//evil.example/x>; rel=next",
        "<ftp://r.io/>; rel=next",
        "<https://user:pw@r.io/>; rel=next", "< >; rel=next", "</v2/\u{1}>; rel=next", "rel=next",
        "<?last=a>; rel=next, <?last=b>; rel=next",
    ])
    func aLinkThatLeadsElsewhereOrCannotBeReadIsAnError(link: String) async throws {
        let error = try await error([page(["v1"], next: link)])
        #expect(error.code == .pageChain)
        #expect(!error.isTransient)
        #expect(!error.description.contains("pw"))
    }

    @Test func aLoopIsAnErrorWhereverItLeadsBackTo() async throws {
        let own = try await error([page(["v1"], next: "<list>; rel=next")])
        #expect(own.code == .pageChain)
        let back = try await error([
            page(["v1"], next: "<?last=a>; rel=next"), page("\(Self.list)?last=a", ["v2"], next: "<?last=b>; rel=next"),
            page("\(Self.list)?last=b", ["v3"], next: "<?last=a>; rel=next"),
        ])
        #expect(back.code == .pageChain)
        #expect(back.summary.contains("lead back"))
    }

    @Test func tooManyPagesTagsOrBytesAreAnErrorAndNoShorterListing() async throws {
        let two = [
            page(["v1"], next: "<?last=1>; rel=next"), page("\(Self.list)?last=1", ["v2"], next: "<?last=2>; rel=next"),
        ]
        #expect(try await error(two) { $0.mostPages = 2 }.code == .truncated)
        #expect(try await error([page(["v1", "v1", "v2"])]) { $0.mostTags = 2 }.code == .truncated)
        #expect(try await error([page(["v1", "v2"])]) { $0.mostListingBytes = 20 }.code == .truncated)
        #expect(try await error(two) { $0.mostListingBytes = 70 }.code == .truncated)
        #expect(try await tags([page(["v1", "v2"])]) { ($0.mostPages, $0.mostTags) = (1, 2) }.tags.count == 2)
    }

    @Test(arguments: [
        (401, #"{"errors": [{"code": "UNAUTHORIZED"}]}"#), (404, #"{"errors": [{"code": "NAME_UNKNOWN"}]}"#),
        (404, "not found"),
        (500, ""), (200, "<html>"), (200, #"{"name": "x", "tags": ["a", 1]}"#), (204, ""),
    ])
    func anErrorOnALaterPageIsAnErrorAndNeverNoVersionsYet(status: Int, body: String) async throws {
        let tries = status == 500 ? 3 : 1
        let error = try await error(
            [page(["v1"], next: "<?last=1>; rel=next")]
                + Array(repeating: failure(status, body, url: "\(Self.list)?last=1"), count: tries))
        #expect(error.code != .nameUnknown)
    }

    // MARK: Only NAME_UNKNOWN means that there are no versions yet

    @Test(arguments: [
        #"{"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known to registry", "detail": {"name": "webapp/app"}}]}"#,
        #"{"errors": [{"code": "NAME_UNKNOWN"}]}"#,
        #"{"errors": [{"code": "NAME_UNKNOWN", "message": null, "detail": [1, "x", null]}]}"#,
        #"{"errors": [{"code": "NAME_UNKNOWN", "message": 5, "extra": true}]}"#,
    ])
    func theRegistrysOwnWordThatItDoesNotKnowTheRepository(body: String) async throws {
        let error = try await error([failure(404, body)])
        #expect(error.code == .nameUnknown)
        #expect(error.status == 404)
        #expect(error.summary.contains("NAME_UNKNOWN"))
    }

    @Test(arguments: [
        (404, "", "not_found"), (404, "<html>404 Not Found</html>", "not_found"), (404, "{}", "not_found"),
        (404, #"{"errors": []}"#, "not_found"), (404, #"{"errors": [{"message": "NAME_UNKNOWN"}]}"#, "not_found"),
        (404, #"{"errors": [{"code": "name_unknown"}]}"#, "not_found"), (404, "NAME_UNKNOWN", "not_found"),
        (404, #"{"errors": [{"code": "NAME_UNKNOWN"}, {"code": "DENIED"}]}"#, "not_found"),
        (404, #"{"errors": [{"code": "MANIFEST_UNKNOWN"}]}"#, "MANIFEST_UNKNOWN"),
        (400, #"{"errors": [{"code": "NAME_UNKNOWN"}]}"#, "unexpected_status"),
        (410, #"{"errors": [{"code": "NAME_UNKNOWN"}]}"#, "unexpected_status"),
        (401, #"{"errors": [{"code": "NAME_UNKNOWN"}]}"#, "UNAUTHORIZED"),
        (403, #"{"errors": [{"code": "NAME_UNKNOWN"}]}"#, "DENIED"),
        (400, #"{"errors": [{"code": "NAME_INVALID", "message": "no"}]}"#, "NAME_INVALID"),
        (418, #"{"errors": [{"code": "TEAPOT_SHORT"}]}"#, "TEAPOT_SHORT"), (304, "", "unexpected_status"),
        (302, "", "unexpected_status"),
        (200, "", "malformed_answer"), (200, "<!doctype html><title>Sign in</title>", "malformed_answer"),
        (200, "null", "malformed_answer"),
        (200, "[]", "malformed_answer"), (200, "{}", "malformed_answer"),
        (200, #"{"status": "ok"}"#, "malformed_answer"),
        (200, #"{"errors": [{"code": "NAME_UNKNOWN"}]}"#, "malformed_answer"),
        (200, #"{"name": "a", "tags": {}}"#, "malformed_answer"),
        (200, #"{"name": "a", "tags": ["b"#, "malformed_answer"),
        (200, #"{"name": "a", "tags": [null]}"#, "malformed_answer"),
        (202, #"{"name": "a", "tags": []}"#, "unexpected_status"),
    ])
    func everythingElseIsAnErrorOfItsOwn(status: Int, body: String, code: String) async throws {
        let error = try await error([failure(status, body)])
        #expect(error.code.rawValue == code)
        #expect(!error.isTransient)
        #expect(error.description.contains("list the tags of r.io/webapp/app"))
    }

    @Test(arguments: [408, 429, 500, 502, 503, 504])
    func transientStatusesAreErrorsAfterThreeTries(status: Int) async throws {
        let body = #"{"errors": [{"code": "NAME_UNKNOWN", "message": "wrong status for that"}]}"#
        let error = try await error(Array(repeating: failure(status, body), count: 3))
        #expect(error.code != .nameUnknown)
        #expect(error.isTransient)
        #expect(error.status == status)
    }

    @Test(arguments: [
        (TransportError.Code.idleTimeout, 3, "timeout"), (.connectionLost, 3, "unavailable"),
        (.connect, 3, "unavailable"),
        (.nameResolution, 3, "unavailable"), (.tls, 1, "tls"), (.malformedResponse, 1, "malformed_answer"),
        (.invalidRequest, 1, "not_sent"),
    ])
    func brokenExchangesAreErrorsAndOnlyTransientOnesAreTriedAgain(
        code: TransportError.Code, tries: Int, expected: String
    ) async throws {
        let exchange = Exchange("GET", Self.list, answer: .failure(TransportError(code, "it broke")))
        let error = try await error(Array(repeating: exchange, count: tries))
        #expect(error.code.rawValue == expected)
        #expect(error.isTransient == (tries > 1))
    }

    // MARK: Page sizes

    @Test(arguments: [
        // Distribution 3.1.0, Quay, ECR, ECR Public.
        (
            400,
            #"{"errors": [{"code": "PAGINATION_NUMBER_INVALID", "message": "invalid number of results requested"}]}"#
        ),
        (413, #"{"errors": [{"code": "TOO_MANY_TAGS_REQUESTED"}]}"#), (413, ""),
        (400, #"{"errors": [{"code": "UNSUPPORTED", "message": "Invalid parameter at 'maxResults'"}]}"#),
        (405, #"{"errors": [{"code": "UNSUPPORTED"}]}"#),
    ])
    func aRefusedPageSizeIsTakenBack(status: Int, body: String) async throws {
        let listing = try await tags([failure(status, body, url: "\(Self.list)?n=5000"), page(["v1"])]) {
            $0.pageSize = 5000
        }
        #expect(listing.tags.count == 1)
        #expect(try await error([failure(status, body)]).status == status)
        // Not on a later page, whose link is the registry's own.
        let later = try await error([
            page("\(Self.list)?n=5000", ["v1"], next: "<?last=v1&n=5000>; rel=next"),
            failure(status, body, url: "\(Self.list)?last=v1&n=5000"),
        ]) { $0.pageSize = 5000 }
        #expect(later.status == status)
    }

    // MARK: Redirects

    @Test func redirectsAreFollowedAndLinksBelongToTheServerThatAnswered() async throws {
        let moved = [("Location", "https://mirror.example/v2/webapp/app/tags/list")]
        let listing = try await tags([
            failure(307, "", headers: moved),
            page("https://mirror.example/v2/webapp/app/tags/list", ["a"], next: "</v2/p2>; rel=next"),
            page("https://mirror.example/v2/p2", ["b"]),
        ])
        #expect(listing.tags.map(\.name) == ["a", "b"])
        let unknown = try await error([
            failure(307, "", headers: moved),
            failure(
                404, #"{"errors": [{"code": "NAME_UNKNOWN"}]}"#, url: "https://mirror.example/v2/webapp/app/tags/list"),
        ])
        #expect(unknown.code == .notFound)
    }

    @Test(arguments: [
        "http://r.io/x", "http://mirror.example/", "https://127.0.0.1/", "https://169.254.169.254/latest/meta-data",
        "https://localhost/",
        "gopher://r.io/", "https://a@r.io/",
    ])
    func redirectsOutOfHTTPSOrIntoTheMachineAreRefused(location: String) async throws {
        let error = try await error([failure(302, "", headers: [("Location", location)])])
        #expect(error.code == .untrustedAddress)
    }

    @Test func theFifthRedirectIsTheLast() async throws {
        func chain(_ count: Int) -> [Exchange] {
            (0..<count).map { number in
                failure(
                    301, "", url: number == 0 ? Self.list : "https://r.io/\(number)",
                    headers: [("Location", "/\(number + 1)")])
            }
        }
        #expect(try await tags(chain(5) + [page("https://r.io/5", ["a"])]).tags.count == 1)
        #expect(try await error(chain(6)).code == .untrustedAddress)
    }

    // MARK: Words

    @Test func errorsCarryTheRegistrysOwnWordsWithoutSecretsAndBounded() async throws {
        let long = String(repeating: "x", count: 5000)
        let error = try await error([
            failure(
                403,
                #"{"errors": [{"code": "DENIED", "message": "quota of token=abc123secret exceeded\u0007 \#(long)", "detail": "hidden"}]}"#
            )
        ])
        #expect(error.code == .denied)
        #expect(error.summary.contains("r.io answered 403: DENIED (quota of"))
        #expect(!error.description.contains("abc123secret"))
        #expect(!error.description.contains("\u{7}"))
        #expect(error.description.count < 600)
        #expect(error.metricLabel == "denied")
        #expect(RegistryError(.init(rawValue: "MADE_UP"), operation: "", summary: "").metricLabel == "other")
    }
}
