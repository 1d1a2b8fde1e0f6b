"""The reading of expressions itself."""

import unittest

from expressions import UNDEFINED, ExpressionError, evaluate, references

VALUES = {"$json": {"tag": "v1.2.3", "none": None, "body": {"status": "failed"}, "headers": {"x-a": "1"}},
          "$runIndex": 3, "Settings": {"baseUrl": "http://x"}}


def value(text):
    return evaluate(text, lambda reference: VALUES[reference.source])


class Expressions(unittest.TestCase):
    def test_values(self):
        for text, expected in [
            ("={{ $json.tag }}", "v1.2.3"),
            ("{{ $json.tag }}", "{{ $json.tag }}"),
            ("={{ $('Settings').first().json.baseUrl }}/next/{{ $json.tag }}", "http://x/next/v1.2.3"),
            ("={{ $runIndex }}", 3),
            ("={{ $json.none }}", None),
            ("={{ $json.none?.status ?? 'gone' }}", "gone"),
            ("={{ $json.body?.status ?? '' }}", "failed"),
            ("={{ $json.missing }}", UNDEFINED),
            ("={{ $json.headers['x-a'] }}", "1"),
            ("={{ $json.tag.replaceAll('.', '-').replaceAll('v', $json.body.status) }}", "failed1-2-3"),
            ("={{ '${A}'.replaceAll('${A}', $json.tag) }}", "v1.2.3"),
            (40, 40),
        ]:
            with self.subTest(text):
                self.assertEqual(value(text), expected)

    def test_what_is_not_understood_is_an_error(self):
        for text in [
            "={{ $json.none.status }}", "={{ $json.missing }} is", "={{ $json.tag + 1 }}", "={{ }}", "={{ $json.a b }}",
            "={{ $json.tag.replaceAll('.') }}", "={{ $input.all() }}", "={{ $json.none.replaceAll('a', 'b') }}",
        ]:
            with self.subTest(text), self.assertRaises(ExpressionError):
                value(text)

    def test_references(self):
        found = references("={{ $json.a?.b ?? $('Build').first().json.id.replaceAll('x', $execution.id) }}/{{ $json.c }}")
        self.assertEqual(
            [str(reference) for reference in found],
            ["$json.a.b", "$('Build').id", "$execution.id", "$json.c"])
