"""The verbs, a module for each group. What a verb needs it imports itself: start-up stays short."""
