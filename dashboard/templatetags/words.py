"""`{{ code|word }}`: a code in words, in the language of the page."""

from django import template

from dashboard.words import word

register = template.Library()
register.filter("word", word)
